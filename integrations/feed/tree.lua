-- The elements of a feed by what they mean: each gets a `key`, its name with the prefix
-- that is usual for its namespace, whichever the feed uses. RSS has none, Atom "atom:".
local candy = require("candy")

local PREFIXES = {
  ["http://www.w3.org/2005/atom"] = "atom:",
  ["http://purl.org/atom/ns#"] = "atom:",
  ["http://purl.org/rss/1.0/"] = "",
  ["http://channel.netscape.com/rdf/simple/0.9/"] = "",
  ["http://my.netscape.com/rdf/simple/0.9/"] = "",
  ["http://backend.userland.com/rss2"] = "",
  ["http://blogs.law.harvard.edu/tech/rss"] = "",
  ["http://www.w3.org/1999/02/22-rdf-syntax-ns#"] = "rdf:",
  ["http://purl.org/dc/elements/1.1/"] = "dc:",
  ["http://purl.org/dc/terms/"] = "dcterms:",
  ["http://purl.org/rss/1.0/modules/content/"] = "content:",
  ["http://www.itunes.com/dtds/podcast-1.0.dtd"] = "itunes:",
}

local tree = {}

-- The namespaces in force inside of an element: prefix -> usual prefix.
local function scope_of(element, outer)
  local scope
  for name, uri in pairs(element.attributes) do
    local prefix = name == "xmlns" and "" or name:match("^xmlns:(.+)$")
    if prefix then
      scope = scope or setmetatable({}, { __index = outer })
      scope[prefix] = PREFIXES[uri:lower()] or prefix .. ":"
      if prefix == "" and not PREFIXES[uri:lower()] then
        scope[prefix] = ""
      end
    end
  end
  return scope or outer
end

--- Gives an element and those inside of it their keys.
---@param element candy.XmlElement
---@param outer table?
---@return candy.XmlElement element
function tree.name(element, outer)
  local scope = scope_of(element, outer or {})
  local prefix, name = element.name:match("^([^:]*):(.*)$")
  local usual = scope[prefix or ""] or prefix and prefix .. ":" or ""
  element.key = usual .. (name or element.name)
  for _, child in ipairs(element.children) do
    if type(child) == "table" then
      tree.name(child, scope)
    end
  end
  return element
end

--- The elements with a key right inside of an element.
function tree.all(element, key)
  local found = {}
  for _, child in ipairs(element.children) do
    if child.key == key then
      found[#found + 1] = child
    end
  end
  return found
end

--- The first of them.
function tree.first(element, key)
  return tree.all(element, key)[1]
end

--- The text of the first of these keys that has one.
---@param element candy.XmlElement
---@param ... string  keys
---@return string?
function tree.text(element, ...)
  for _, key in ipairs({ ... }) do
    for _, child in ipairs(tree.all(element, key)) do
      local text = candy.xml.text(child):match("^%s*(.-)%s*$")
      if text ~= "" then
        return text
      end
    end
  end
end

return tree
