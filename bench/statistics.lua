-- Medians and other quantiles.
local statistics = {}

--- The value that the part `q` (0 to 1) of all values does not exceed.
---@param values number[]
---@param q number
function statistics.quantile(values, q)
  local sorted = {}
  for i, value in ipairs(values) do
    sorted[i] = value
  end
  table.sort(sorted)
  return sorted[math.max(1, math.ceil(q * #sorted))]
end

function statistics.median(values)
  return statistics.quantile(values, 0.5)
end

return statistics
