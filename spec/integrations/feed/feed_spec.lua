-- Feeds as they are met, each read by a real worker.
local cjson = require("cjson")
local candy = require("spec.support.candy")
local support = require("spec.support.worker")

local MODULES = { "init", "atom", "dates", "json_feed", "rss", "text", "tree" }

local worker

setup(function()
  local files = {
    { path = "scripts/feeds.lua", load = true, source = [[
      local feed = require("integrations.feed")
      local dates = require("integrations.feed.dates")
      local text = require("integrations.feed.text")
      local candy = require("candy")
      candy.task("parse", function(job)
        local bytes = job.payload.text:gsub("~(%x%x)", function(hex)
          return string.char(tonumber(hex, 16))
        end)
        local found, err = feed.parse(bytes, { url = job.payload.url })
        return found or { err = { code = err.code, message = err.message } }
      end)
      candy.task("date", function(job) return dates.parse(job.payload.text) end)
      candy.task("plain", function(job) return text.plain(job.payload.text) end)
    ]] },
  }
  for i, module in ipairs(MODULES) do
    local path = "integrations/feed/" .. module .. ".lua"
    files[i + 1] = {
      path = path, source = candy.read(path), load = false,
      name = "integrations.feed" .. (module ~= "init" and "." .. module or ""),
    }
  end
  worker = support.start(files)
end)

teardown(function()
  worker:close()
end)

local function run(task, payload)
  local done = worker:run(task, cjson.encode(payload))
  assert(done.outcome == "completed", done.error and done.error.message)
  local result = support.decode(done.body)
  return result ~= cjson.null and result or nil
end

-- What is no UTF-8 is written as ~FF in the specs.
local function parse(text, url)
  return run("parse", { text = text, url = url })
end

local function rss(items)
  return '<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>'
    .. "<link>https://example.org/</link>" .. items .. "</channel></rss>"
end

local function only(text, url)
  local feed = parse(text, url)
  assert(feed.entries, feed.err and feed.err.message)
  assert.are.equal(1, #feed.entries)
  return feed.entries[1]
end

local MS_2023 = 1672671845000 -- 2023-01-02T15:04:05Z

describe("RSS", function()
  it("2.0 is read whole", function()
    local feed = parse([=[<?xml version="1.0" encoding="UTF-8"?>
      <rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"
        xmlns:content="http://purl.org/rss/1.0/modules/content/">
      <channel>
        <title>Example &amp; more</title><link>https://example.org/</link>
        <description>What happens</description>
        <item>
          <title>One</title><link>https://example.org/1</link>
          <guid isPermaLink="false">tag:1</guid>
          <dc:creator>Ada</dc:creator>
          <pubDate>Mon, 02 Jan 2023 15:04:05 GMT</pubDate>
          <description>&lt;p&gt;Short&lt;/p&gt;</description>
          <content:encoded><![CDATA[<p>Long & more</p>]]></content:encoded>
        </item>
        <item><title>Two</title><guid>https://example.org/2</guid></item>
      </channel></rss>]=])
    assert.are.same({
      format = "rss", title = "Example & more", url = "https://example.org/",
      entries = {
        { id = "tag:1", url = "https://example.org/1", title = "One", author = "Ada",
          published = MS_2023, summary = "<p>Short</p>",
          content = "<p>Long & more</p>" },
        { id = "https://example.org/2", url = "https://example.org/2", title = "Two" },
      },
    }, feed)
  end)

  it("1.0 has its entries beside the channel", function()
    local feed = parse([[<rdf:RDF xmlns="http://purl.org/rss/1.0/"
      xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
      xmlns:d="http://purl.org/dc/elements/1.1/">
      <channel rdf:about="https://example.org/"><title>Old</title>
        <link>https://example.org/</link></channel>
      <item rdf:about="https://example.org/a"><title>A</title>
        <link>https://example.org/a</link><d:date>2023-01-02T16:04:05+01:00</d:date>
        <d:creator>Grace</d:creator></item>
      </rdf:RDF>]])
    assert.are.same({
      format = "rss", title = "Old", url = "https://example.org/",
      entries = { {
        id = "https://example.org/a", url = "https://example.org/a", title = "A",
        author = "Grace", published = MS_2023,
      } },
    }, feed)
  end)

  it("0.91 with a document type is read, and fetches none", function()
    local feed = parse([[<?xml version="1.0"?>
      <!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "http://127.0.0.1:1/rss.dtd">
      <rss version="0.91"><channel><title>A&nbsp;B</title>
      <item><title>&eacute;t&eacute;</title><link>https://example.org/x</link></item>
      </channel></rss>]])
    assert.are.equal("A\194\160B", feed.title)
    assert.are.equal("été", feed.entries[1].title)
  end)

  it("with a namespace of its own, or an undeclared prefix, is read", function()
    local feed = parse('<rss xmlns="http://backend.userland.com/rss2"><channel><item>'
      .. "<title>x</title><dc:creator>Ada</dc:creator></item></channel></rss>")
    assert.are.same({ id = "x ", title = "x", author = "Ada" }, feed.entries[1])
  end)
end)

describe("what RSS often lacks:", function()
  it("an id is the address, else title and date", function()
    assert.are.equal("https://e.org/1",
      only(rss("<item><link>https://e.org/1</link></item>")).id)
    assert.are.equal("T 1672671845000", only(rss("<item><title>T</title>"
      .. "<pubDate>2 Jan 2023 15:04:05 +0000</pubDate></item>")).id)
    assert.are.equal(0, #parse(rss("<item><description>x</description></item>")).entries)
  end)

  it("an address is that of Atom, or the guid", function()
    assert.are.equal("https://e.org/2", only(rss('<item><a:link '
      .. 'xmlns:a="http://www.w3.org/2005/Atom" href="https://e.org/2"/></item>')).url)
    local guid = '<guid isPermaLink="false">https://e.org/</guid>'
    assert.is_nil(only(rss("<item>" .. guid .. "</item>")).url)
    assert.is_nil(only(rss("<item><guid>4711</guid></item>")).url)
  end)

  it("an address that is not whole is completed", function()
    local function url(link, base)
      local item = "<item><link>" .. link .. "</link></item>"
      return only("<rss><channel>" .. item .. "</channel></rss>", base).url
    end
    assert.are.equal("https://e.org/x", url("/x", "https://e.org/feeds/all.xml?p=1"))
    assert.are.equal("https://e.org/feeds/x", url("x", "https://e.org/feeds/all.xml"))
    assert.are.equal("https://e.org/x", url("x", "https://e.org"))
    assert.are.equal("https://cdn.org/x", url("//cdn.org/x", "https://e.org/"))
    assert.are.equal("/x", url("/x"))
  end)

  it("entries: a feed may have none", function()
    assert.are.same({}, parse(rss("")).entries)
  end)

  it("a title without markup", function()
    local function title(xml)
      return only(rss("<item><guid>1</guid><title>" .. xml .. "</title></item>")).title
    end
    assert.are.equal("Fish & Chips", title("Fish &amp;amp; Chips"))
    assert.are.equal("Fish & Chips", title("<![CDATA[Fish &amp; <b>Chips</b>]]>"))
    assert.are.equal("a – b “c”", title("a &amp;ndash; b &amp;#8220;c&amp;#x201D;"))
    assert.are.equal("1 < 2", title("1 &lt; 2"))
    assert.are.equal("two lines", title("\n two\n   lines "))
    assert.is_nil(title("  "))
  end)
end)

describe("Atom", function()
  it("1.0 is read whole", function()
    local feed = parse([[<?xml version="1.0" encoding="utf-8"?>
      <feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">
        <title type="html">Example &amp;amp; &lt;b&gt;more&lt;/b&gt;</title>
        <link rel="self" href="https://example.org/feed"/>
        <link href="https://example.org/"/>
        <author><name>Team</name></author>
        <entry>
          <id>urn:1</id><title>One &lt;1&gt;</title>
          <link rel="edit" href="https://example.org/edit/1"/>
          <link rel="alternate" href="/1"/>
          <author><name>Ada</name></author><author><name>Grace</name></author>
          <published>2023-01-02T15:04:05Z</published>
          <updated>2023-01-02T15:04:05.5+00:00</updated>
          <summary>Short</summary>
          <content type="html">&lt;p&gt;Long&lt;/p&gt;</content>
        </entry>
        <entry><id>urn:2</id><title type="xhtml">
            <div xmlns="http://www.w3.org/1999/xhtml">Two <em>times</em></div></title>
          <content type="xhtml"><x:div xmlns:x="http://www.w3.org/1999/xhtml"><x:p
            class="a">1 &lt; 2<x:br/></x:p></x:div></content>
        </entry>
      </feed>]])
    assert.are.same({
      format = "atom", title = "Example & more", url = "https://example.org/",
      entries = {
        { id = "urn:1", url = "https://example.org/1", title = "One <1>",
          author = "Ada, Grace", published = MS_2023, updated = MS_2023,
          summary = "Short", content = "<p>Long</p>" },
        { id = "urn:2", title = "Two times", author = "Team",
          content = '<p class="a">1 &lt; 2<br/></p>' },
      },
    }, feed)
  end)

  it("with a prefix is the same", function()
    local entry = only('<a:feed xmlns:a="http://www.w3.org/2005/Atom"><a:entry>'
      .. "<a:id>1</a:id><a:title>T</a:title></a:entry></a:feed>")
    assert.are.same({ id = "1", title = "T" }, entry)
  end)

  it("0.3 has other names for dates", function()
    local entry = only('<feed version="0.3" xmlns="http://purl.org/atom/ns#"><entry>'
      .. "<id>1</id><issued>2023-01-02T15:04:05Z</issued>"
      .. "<modified>2023-01-02T15:04:05Z</modified></entry></feed>")
    assert.are.same({ id = "1", published = MS_2023, updated = MS_2023 }, entry)
  end)

  it("takes another link where there is no alternate one", function()
    local entry = only('<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id>'
      .. '<link rel="self" href="https://e.org/s"/>'
      .. '<link rel="related" href="https://e.org/r"/></entry></feed>')
    assert.are.equal("https://e.org/r", entry.url)
  end)
end)

describe("JSON Feed", function()
  it("1.1 is read whole", function()
    local feed = parse(cjson.encode({
      version = "https://jsonfeed.org/version/1.1", title = "Example",
      home_page_url = "https://example.org/", authors = { { name = "Team" } },
      items = {
        { id = "1", url = "https://example.org/1", title = "One", summary = "Short",
          content_html = "<p>Long</p>", content_text = "Long",
          date_published = "2023-01-02T15:04:05Z", authors = { { name = "Ada" } } },
        { id = 2, external_url = "https://example.org/2", content_text = "Two" },
      },
    }))
    assert.are.same({
      format = "json", title = "Example", url = "https://example.org/",
      entries = {
        { id = "1", url = "https://example.org/1", title = "One", author = "Ada",
          published = MS_2023, summary = "Short", content = "<p>Long</p>" },
        { id = "2", url = "https://example.org/2", author = "Team", content = "Two" },
      },
    }, feed)
  end)

  it("1.0 has one author, and odd members are passed over", function()
    local entry = only('~EF~BB~BF {"items":[5,{"id":null,"url":"https://e.org/1",'
      .. '"author":{"name":"Ada"},"title":{"x":1},"date_published":"yesterday"}]}')
    assert.are.same({ id = "https://e.org/1", url = "https://e.org/1", author = "Ada" },
      entry)
  end)
end)

describe("odd bytes:", function()
  local function title(prolog, bytes)
    return only(prolog .. "<rss><channel><item><guid>1</guid><title>" .. bytes
      .. "</title></item></channel></rss>").title
  end

  it("white space and a mark in front", function()
    assert.are.equal("x", title('\n ~EF~BB~BF<?xml version="1.0"?>', "x"))
    assert.are.equal("x", title('~EF~BB~BF\n<?xml version="1.0"?>', "x"))
  end)

  it("encodings that are named", function()
    assert.are.equal("ä", title('<?xml version="1.0" encoding="ISO-8859-1"?>', "~E4"))
    assert.are.equal("€", title('<?xml version="1.0" encoding="Windows-1252"?>', "~80"))
  end)

  it("another encoding than the one that is named", function()
    assert.are.equal("ä “x” €", title('<?xml version="1.0" encoding="UTF-8"?>',
      "~E4 ~93x~94 ~E2~82~AC"))
    assert.are.equal("ä", title("", "~E4"))
    assert.are.equal("é", title('<?xml version="1.0" encoding="UTF-16"?>', "~C3~A9"))
  end)

  it("a bare & and controls", function()
    assert.are.equal("AT&T & co", title("", "AT&T & co"))
    assert.are.equal("ab", title("", "a~07b"))
    assert.are.equal("a&b;c", title("", "a&b;c"))
  end)
end)

describe("what is no feed", function()
  for what, case in pairs({
    ["a page"] = { "<!DOCTYPE html><html><body/></html>", "not_a_feed", "<html>" },
    ["JSON"] = { '{"a":1}', "not_a_feed", "no items" },
    ["half of JSON"] = { '{"items":[', "bad_json", "line 1" },
    ["half of a feed"] = { "<rss><channel>", "bad_xml", "line 1" },
    ["nothing"] = { "", "bad_xml", "no element found" },
    ["a bomb"] = { '<!DOCTYPE rss [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><rss>&b;</rss>',
      "xml_refused", "entities" },
  }) do
    it("is said: " .. what, function()
      local err = parse(case[1]).err
      assert.are.equal(case[2], err.code)
      assert.matches(case[3], err.message, 1, true)
    end)
  end
end)

describe("dates", function()
  local same = {
    "Mon, 02 Jan 2023 15:04:05 GMT", "Mon, 2 Jan 2023 15:04:05 +0000",
    "2 Jan 23 15:04:05 UT", "Mon, 02 January 2023 10:04:05 EST",
    "Monday, 02-Jan-23 15:04:05 GMT", "Mon,02 Jan 2023 16:04:05 +01:00",
    "Mon, 02 Jan 2023 15:04:05", "2023-01-02T15:04:05Z", "2023-01-02T15:04:05.123Z",
    "2023-01-02T17:04:05+0200", "2023-01-02 15:04:05", " 2023-01-02t15:04:05z ",
    "2023-1-2 15:04:05", "Mon, 02 Jan 2023 15:04:05 Z", "2 jan 2023 07:04:05 PST",
  }
  for _, text in ipairs(same) do
    it("are read: " .. text, function()
      local ms = run("date", { text = text })
      assert.are.equal(MS_2023, ms and ms - ms % 1000)
    end)
  end

  it("may lack seconds, or a time", function()
    assert.are.equal(MS_2023 - 5000, run("date", { text = "2 Jan 2023 15:04 GMT" }))
    assert.are.equal(MS_2023 - 5000, run("date", { text = "2023-01-02T15:04Z" }))
    assert.are.equal(1672617600000, run("date", { text = "2023-01-02" }))
    assert.are.equal(1672617600000, run("date", { text = "Mon, 2 Jan 2023" }))
    assert.are.equal(915148800000, run("date", { text = "1 Jan 99" }))
  end)

  for _, text in ipairs({ "", "soon", "32 Jan 2023 10:00", "2 Foo 2023", "2023-13-01",
    "2023-01-02T25:00:00Z", "15:04:05" }) do
    it("are none: " .. text, function()
      assert.is_nil(run("date", { text = text }))
    end)
  end
end)

describe("HTML as plain text", function()
  for html, plain in pairs({
    ["<p>a</p><p>b</p>"] = "a b", ["a<!-- b -->c"] = "ac", ["1 < 2 > 0"] = "1 < 2 > 0",
    ["&amp;lt;"] = "&lt;", ["&#60;b&#62;"] = "<b>", ["&euro;&Auml;&yuml;"] = "€Äÿ",
    ["&#128;&#x1F600;"] = "€😀", ["&nonsense; &#xD800; &#0;"] = "&nonsense; &#xD800; &#0;",
    ["&hellip;"] = "…", ["a<br/>b"] = "a b",
  }) do
    it(("makes %s of %s"):format(plain, html), function()
      assert.are.equal(plain, run("plain", { text = html }))
    end)
  end
end)
