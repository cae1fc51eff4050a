-- JSON Feed 1.0 and 1.1 (jsonfeed.org).
local dates = require("integrations.feed.dates")
local text = require("integrations.feed.text")

-- Numbers are met where texts should be.
local function as_text(value)
  if type(value) == "string" or type(value) == "number" then
    return text.line(tostring(value))
  end
end

local function as_list(value)
  return type(value) == "table" and value or {}
end

local function author_of(item)
  local names = {}
  for _, author in ipairs(as_list(item.authors)) do
    names[#names + 1] = type(author) == "table" and as_text(author.name) or nil
  end
  names[1] = names[1] or as_text(as_list(item.author).name)
  return names[1] and table.concat(names, ", ")
end

local function entry_of(item, feed_author)
  return {
    id = as_text(item.id),
    url = as_text(item.url) or as_text(item.external_url),
    title = as_text(item.title),
    author = author_of(item) or feed_author,
    published = dates.parse(as_text(item.date_published)),
    updated = dates.parse(as_text(item.date_modified)),
    summary = as_text(item.summary),
    content = type(item.content_html) == "string" and item.content_html
      or type(item.content_text) == "string" and item.content_text or nil,
  }
end

local json_feed = {}

--- Reads a feed.
---@param root table
---@return table feed
function json_feed.read(root)
  local feed = {
    format = "json", title = as_text(root.title), url = as_text(root.home_page_url),
    entries = {},
  }
  local author = author_of(root)
  for _, item in ipairs(as_list(root.items)) do
    if type(item) == "table" then
      feed.entries[#feed.entries + 1] = entry_of(item, author)
    end
  end
  return feed
end

return json_feed
