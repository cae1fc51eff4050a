-- RSS 0.9x, 1.0 and 2.0.
local dates = require("integrations.feed.dates")
local text = require("integrations.feed.text")
local tree = require("integrations.feed.tree")

local function is_address(value)
  return value ~= nil and value:find("^https?://") ~= nil
end

-- Some feeds write the link as Atom does.
local function atom_link(item)
  for _, link in ipairs(tree.all(item, "atom:link")) do
    if (link.attributes.rel or "alternate") == "alternate" then
      return link.attributes.href
    end
  end
end

-- A guid is an address as well, unless it says that it is none.
local function link_of(item)
  local guid = tree.first(item, "guid")
  local value = tree.text(item, "guid")
  local permanent = guid and guid.attributes.isPermaLink ~= "false"
  return tree.text(item, "link") or atom_link(item)
    or permanent and is_address(value) and value or nil
end

local function entry_of(item)
  return {
    id = tree.text(item, "guid") or item.attributes["rdf:about"],
    url = link_of(item),
    title = text.plain(tree.text(item, "title", "dc:title")),
    author = text.plain(tree.text(item, "dc:creator", "author", "itunes:author")),
    published = dates.parse(tree.text(item, "pubDate", "dc:date", "dcterms:issued",
      "atom:published")),
    updated = dates.parse(tree.text(item, "atom:updated", "dcterms:modified")),
    summary = tree.text(item, "description", "itunes:summary", "atom:summary"),
    content = tree.text(item, "content:encoded", "atom:content"),
  }
end

local rss = {}

--- Reads a feed whose root is <rss> or <rdf:RDF>. The entries of RSS 1.0 stand beside the
--- channel, those of the others in it.
---@param root candy.XmlElement  with keys
---@return table feed
function rss.read(root)
  local channel = tree.first(root, "channel") or root
  local feed = {
    format = "rss",
    title = text.plain(tree.text(channel, "title")),
    url = tree.text(channel, "link") or atom_link(channel),
    entries = {},
  }
  for _, parent in ipairs({ channel, channel ~= root and root or nil }) do
    for _, item in ipairs(tree.all(parent, "item")) do
      feed.entries[#feed.entries + 1] = entry_of(item)
    end
  end
  return feed
end

return rss
