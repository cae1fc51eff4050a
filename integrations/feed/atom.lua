-- Atom 1.0 (RFC 4287), and what 0.3 names otherwise.
local candy = require("candy")
local dates = require("integrations.feed.dates")
local text = require("integrations.feed.text")
local tree = require("integrations.feed.tree")

-- XHTML as HTML: names without prefixes.
local function as_html(node)
  if type(node) ~= "table" then
    return node
  end
  local copy = {
    name = node.name:match("[^:]*$"), attributes = {}, children = {},
  }
  for name, value in pairs(node.attributes) do
    if not name:find("^xmlns") then
      copy.attributes[name] = value
    end
  end
  for i, child in ipairs(node.children) do
    copy.children[i] = as_html(child)
  end
  return copy
end

-- What is inside of the <div> that a construct of type xhtml has.
local function xhtml(element)
  local div = candy.xml.children(element)[1]
  local parts = {}
  for i, child in ipairs(as_html(div or element).children) do
    parts[i] = type(child) == "table" and candy.xml.encode(child)
      or child:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" })
  end
  return table.concat(parts)
end

local function is_xhtml(element)
  local type = element.attributes.type or ""
  return type == "xhtml" or type == "application/xhtml+xml"
end

-- A construct as it is to be kept: text, or HTML.
local function body(entry, key)
  local element = tree.first(entry, key)
  if element and is_xhtml(element) then
    return text.line(xhtml(element)) and xhtml(element)
  end
  return tree.text(entry, key)
end

-- A construct on one line without markup.
local function plain(parent, key)
  local element = tree.first(parent, key)
  if not element then
    return nil
  elseif (element.attributes.type or "text"):find("html", 1, true) then
    return text.plain(is_xhtml(element) and xhtml(element) or candy.xml.text(element))
  end
  return text.line(candy.xml.text(element))
end

local function link_of(entry)
  local other
  for _, link in ipairs(tree.all(entry, "atom:link")) do
    local rel = link.attributes.rel or "alternate"
    if rel == "alternate" then
      return link.attributes.href
    elseif rel ~= "self" and rel ~= "edit" then
      other = other or link.attributes.href
    end
  end
  return other
end

local function authors_of(element)
  local names = {}
  for _, author in ipairs(tree.all(element, "atom:author")) do
    names[#names + 1] = tree.text(author, "atom:name", "atom:email")
  end
  return #names > 0 and table.concat(names, ", ") or nil
end

-- The author of the whole feed is that of entries without one.
local function entry_of(entry, feed_author)
  local source = tree.first(entry, "atom:source")
  return {
    id = tree.text(entry, "atom:id"),
    url = link_of(entry),
    title = plain(entry, "atom:title"),
    author = authors_of(entry) or source and authors_of(source) or feed_author,
    published = dates.parse(tree.text(entry, "atom:published", "atom:issued",
      "atom:created")),
    updated = dates.parse(tree.text(entry, "atom:updated", "atom:modified")),
    summary = body(entry, "atom:summary"),
    content = body(entry, "atom:content"),
  }
end

local atom = {}

--- Reads a feed whose root is <feed>.
---@param root candy.XmlElement  with keys
---@return table feed
function atom.read(root)
  local feed = {
    format = "atom", title = plain(root, "atom:title"), url = link_of(root), entries = {},
  }
  local author = authors_of(root)
  for i, entry in ipairs(tree.all(root, "atom:entry")) do
    feed.entries[i] = entry_of(entry, author)
  end
  return feed
end

return atom
