-- Feeds: RSS, Atom and JSON Feed in one form.
--
--   local feed = require("integrations.feed")
--   local found, err = feed.parse(body, { url = "https://example.org/feed.xml" })
--   for _, entry in ipairs(found.entries) do ... end
--
-- It is a source of SYNC_DATA (scripts/sync_data.lua) too, by feed.fetch.
--
-- Feeds are rarely what their format asks for: bytes of another encoding, bare "&", HTML
-- in titles, no ids, dates of all kinds. What can be read is read.
local candy = require("candy")
local atom = require("integrations.feed.atom")
local json_feed = require("integrations.feed.json_feed")
local rss = require("integrations.feed.rss")
local text = require("integrations.feed.text")
local tree = require("integrations.feed.tree")

local READERS = {
  rss = rss.read, ["rdf:RDF"] = rss.read, RDF = rss.read,
  ["atom:feed"] = atom.read, feed = atom.read,
}

-- ---- addresses ----

-- An address of a feed as a whole one; `base` is the feed's own.
local function whole_address(address, base)
  local origin = (base or ""):match("^%a[%w+.-]*://[^/?#]+")
  if not address or address:find("^%a[%w+.-]*:") or not origin then
    return address
  elseif address:find("^//") then
    return base:match("^[^:]+:") .. address
  elseif address:find("^/") then
    return origin .. address
  end
  local folder = base:gsub("[?#].*$", ""):match("^(.*/)[^/]*$")
  return (#folder > #origin and folder or origin .. "/") .. address
end

-- ---- entries ----

-- What an entry is known by when the feed gives it no id.
local function identify(entry)
  if entry.url then
    return entry.url
  elseif entry.title then
    return ("%s %s"):format(entry.title, entry.published or "")
  end
end

local function finish(feed, base)
  local entries = candy.json.array({})
  feed.url = whole_address(feed.url, base)
  for _, entry in ipairs(feed.entries) do
    entry.url = whole_address(entry.url, feed.url or base)
    entry.id = entry.id or identify(entry)
    if entry.id then
      entries[#entries + 1] = entry
    end
  end
  feed.entries = entries
  return feed
end

-- ---- XML ----

-- A second try on what is no XML: no controls, no bare "&", and UTF-8 throughout.
local function mend(xml)
  local encoding = xml:match("^<%?xml[^>]-encoding=[\"']([%w_-]+)") or "utf-8"
  local mended = xml:gsub("[%z\1-\8\11\12\14-\31]", "")
    :gsub("&", "\0"):gsub("%z(#?%w+;)", "&%1"):gsub("%z", "&amp;")
  if encoding:lower():find("^utf") then
    return text.mend_utf8(mended), "UTF-8"
  end
  return mended, nil
end

local function read_xml(body)
  local root, err = candy.xml.decode(body)
  if not root and err.code == "bad_xml" then
    local mended, encoding = mend(body)
    root = candy.xml.decode(mended, { encoding = encoding })
  end
  return root, err
end

local function parse_xml(body)
  local root, err = read_xml(body)
  if not root then
    return nil, err
  end
  local read = READERS[tree.name(root).key]
  if not read then
    return nil, {
      code = "not_a_feed",
      message = ("this is no feed: its first element is <%s>"):format(root.name),
    }
  end
  return read(root)
end

local function parse_json(body)
  local root, err = candy.json.decode(body)
  if not root then
    return nil, err
  elseif type(root.items) ~= "table" then
    return nil, { code = "not_a_feed", message = "this JSON is no feed: it has no items" }
  end
  return json_feed.read(root)
end

-- ---- the module's face ----

local feed = {}

--- Reads a feed: format ("rss", "atom" or "json"), title, url and entries, each with id,
--- url, title, author, published and updated (milliseconds), summary and content.
---@param body string
---@param opts { url: string? }?  where it comes from: addresses in it need not be whole
---@return table? feed, candy.Error? err
function feed.parse(body, opts)
  local start = body:gsub("^\239\187\191", ""):gsub("^%s+", "")
  local parse = start:find("^{") and parse_json or parse_xml
  local found, err = parse(start)
  if not found then
    return nil, err
  end
  return finish(found, opts and opts.url)
end

-- A header's value that can be sent back.
local function sendable(value)
  return value and not value:find("%c") and value or nil
end

-- What the server has to know to say that nothing has changed.
local function headers_of(state)
  return {
    Accept = "application/atom+xml, application/rss+xml, application/feed+json, */*",
    ["If-None-Match"] = state.etag,
    ["If-Modified-Since"] = state.last_modified,
  }
end

local function request(url, state)
  local res, err = candy.http.get(url, {
    guard = true, max_bytes = "16mb", headers = headers_of(state),
  })
  if res and res.status == 410 then
    return nil, candy.permanent(tostring(res) .. ": the feed is gone for good")
  elseif res and res.status ~= 304 then
    return res:check()
  end
  return res, err
end

--- Reads a feed from its address, when it has changed.
---@param state { etag: string?, last_modified: string? }  what the last call returned
---@param opts { url: string }
---@return table[]? entries, table new_state  or nil, err; no entries when nothing changed
function feed.fetch(state, opts)
  if not opts.url then
    return nil, candy.permanent("a feed needs its url")
  end
  local res, err = request(opts.url, state)
  if not res then
    return nil, err
  elseif res.status == 304 then
    return {}, state
  end
  local found, problem = feed.parse(res.body, { url = res.url })
  if not found then
    return nil, problem
  end
  return found.entries, {
    etag = sendable(res.headers["etag"]),
    last_modified = sendable(res.headers["last-modified"]),
  }
end

return feed
