-- candy.xml: XML as tables. core does the reading, within the bounds of host/lua/xml.c.

--- XML as tables, exactly as it is written: names keep their prefixes, and white space is
--- kept. Comments and processing instructions are left out.
---
--- A document may have 16 MB, 200,000 elements, attributes and texts, and 200 elements
--- inside of each other. One that declares entities of its own is refused; nothing that
--- it names is fetched. An entity that XML does not know, such as `&nbsp;`, stays as it
--- is.
---
--- ```lua
--- -- scripts/prices.lua
--- local candy = require("candy")
---
--- candy.task("read_prices", { payload = { text = "string" } }, function(job)
---   local root, err = candy.xml.decode(job.payload.text)
---   if not root then
---     return nil, candy.permanent(err)
---   end
---   local prices = candy.json.object()
---   for _, item in ipairs(candy.xml.children(root, "item")) do
---     prices[item.attributes.id] = candy.xml.text(item)
---   end
---   return prices
--- end)
--- ```
---
--- ```console
--- $ candy enqueue read_prices '{"text":"<a><item id=\"x\">9.50</item></a>"}' --wait
--- {"x":"9.50"}
--- ```

local core = require("candy.core")
local errors = require("candy.error")
local frozen = require("candy.frozen")
local options = require("candy.options")

---@class candy.XmlElement
---@field name string  as it is written, with its prefix: "dc:creator"
---@field attributes table<string, string>
---@field children (candy.XmlElement|string)[]  elements and texts, in their order

---@class candy.XmlOptions
---@field encoding string?  which one the text has, whatever it says itself: "UTF-8",
---  "UTF-16", "ISO-8859-1", "US-ASCII" or "windows-1252"

local DECODE_OPTIONS = { encoding = options.label }

local xml = {}

--- Reads a document.
---@param text string
---@param opts candy.XmlOptions?
---@return candy.XmlElement? root, candy.Error? err  err.line and err.column tell where it
---  is not well-formed
function xml.decode(text, opts)
  local what = "candy.xml.decode"
  local read = options.read(what, opts, DECODE_OPTIONS)
  if type(text) ~= "string" then
    core.misuse(("%s: the argument must be a text, not %s"):format(what,
      options.show(text)))
  end
  local root, code, message, line, column = core.xml(text, read.encoding)
  if not root then
    return nil, errors.new({
      code = code, message = message, line = line, column = column,
    })
  end
  return root
end

local function check_element(what, element)
  if type(element) ~= "table" or type(element.children) ~= "table" then
    core.misuse(("%s: the first argument must be an element, not %s")
      :format(what, options.show(element)))
  end
end

local function collect(element, texts)
  for _, child in ipairs(element.children) do
    if type(child) == "string" then
      texts[#texts + 1] = child
    else
      collect(child, texts)
    end
  end
  return texts
end

--- All text in an element and in those inside of it.
---@param element candy.XmlElement
---@return string text
function xml.text(element)
  check_element("candy.xml.text", element)
  return table.concat(collect(element, {}))
end

--- The elements right inside of an element, without the texts between them.
---@param element candy.XmlElement
---@param name string?  only those of this name
---@return candy.XmlElement[] elements
function xml.children(element, name)
  check_element("candy.xml.children", element)
  local found = {}
  for _, child in ipairs(element.children) do
    if type(child) == "table" and (name == nil or child.name == name) then
      found[#found + 1] = child
    end
  end
  return found
end

--- The first element of a name right inside of an element.
---@param element candy.XmlElement
---@param name string
---@return candy.XmlElement? child
function xml.child(element, name)
  check_element("candy.xml.child", element)
  for _, child in ipairs(element.children) do
    if type(child) == "table" and child.name == name then
      return child
    end
  end
end

local ESCAPES = {
  ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["\n"] = "&#10;",
  ["\r"] = "&#13;", ["\t"] = "&#9;",
}

local function put_attributes(attributes, out)
  local names = {}
  for name in pairs(attributes or {}) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    out[#out + 1] = (' %s="%s"'):format(name,
      tostring(attributes[name]):gsub('[&<>"\n\r\t]', ESCAPES))
  end
end

local function put(node, out)
  if type(node) ~= "table" then
    out[#out + 1] = tostring(node):gsub("[&<>\r]", ESCAPES)
    return
  end
  out[#out + 1] = "<" .. node.name
  put_attributes(node.attributes, out)
  if not node.children or #node.children == 0 then
    out[#out + 1] = "/>"
    return
  end
  out[#out + 1] = ">"
  for _, child in ipairs(node.children) do
    put(child, out)
  end
  out[#out + 1] = "</" .. node.name .. ">"
end

--- An element as XML, without a declaration in front. Attributes are in the order of
--- their names; they and the children may be left out.
---@param element candy.XmlElement
---@return string text
function xml.encode(element)
  if type(element) ~= "table" or type(element.name) ~= "string" then
    core.misuse("candy.xml.encode: the argument must be an element such as "
      .. '{ name = "a", children = { "text" } }, not ' .. options.show(element))
  end
  local out = {}
  put(element, out)
  return table.concat(out)
end

return frozen.freeze(xml, "candy.xml")
