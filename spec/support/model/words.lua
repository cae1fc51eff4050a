-- What all operations of the model say: a choice, and an answer that is wrong.
local words = {}

function words.one_of(r, list)
  return list[r(#list)]
end

--- What is wrong with an answer, or nil.
function words.expect(what, have, want)
  if have ~= want then
    return ("%s is %s, not %s"):format(what, tostring(have), tostring(want))
  end
end

return words
