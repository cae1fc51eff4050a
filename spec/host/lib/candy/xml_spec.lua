local cjson = require("cjson")
local support = require("spec.support.worker")

local worker

setup(function()
  worker = support.start_one([[
    local function plain(err)
      return { code = err.code, message = err.message, line = err.line,
        column = err.column }
    end
    candy.task("decode", function(job)
      local root, err = candy.xml.decode(job.payload.text)
      return root and { root = root } or { err = plain(err) }
    end)
    candy.task("repeat", function(job)
      local p = job.payload
      local text = p.before .. p.part:rep(p.times) .. p.after
      local root, err = candy.xml.decode(text)
      return { children = root and #root.children, err = err and plain(err) }
    end)
    candy.task("eval", function(job)
      return load(job.payload.code)(candy)
    end)
  ]])
end)

teardown(function()
  worker:close()
end)

local function run(task, payload)
  local done = worker:run(task, cjson.encode(payload))
  assert(done.outcome == "completed", done.error and done.error.message)
  return support.decode(done.body)
end

local function eval(code, ...)
  return run("eval", { code = code:format(...) })
end

-- A text as Lua can be given it in JSON, whatever its bytes are.
local function quoted(text)
  return '"' .. text:gsub("[^%w ]", function(byte)
    return ("\\%03d"):format(byte:byte())
  end) .. '"'
end

local function decode(text)
  return run("decode", { text = text })
end

local function decode_bytes(text, opts)
  return eval("return (...).xml.decode(%s, %s)", quoted(text), opts or "{}")
end

-- An element as the specs write it: name, attributes, children.
local function e(name, attributes, ...)
  return { name = name, attributes = attributes, children = { ... } }
end

describe("candy.xml.decode", function()
  it("gives elements, attributes and texts in their order", function()
    assert.are.same(
      e("a", { x = "1", y = "<&" }, "one ", e("b", {}), " two", e("c", {}, "3")),
      decode('<?xml version="1.0"?>\n<a x="1" y="&lt;&amp;">one <b/> two<c>3</c></a>\n')
        .root)
  end)

  it("keeps prefixes and white space, and puts texts together", function()
    assert.are.same(e("x:a", { ["xmlns:x"] = "u" }, " 1 < 2 & \n"),
      decode('<x:a xmlns:x="u"> 1 <![CDATA[<]]> 2<!-- no --> &#38; <?p i?>\n</x:a>').root)
  end)

  it("leaves entities of HTML as they are", function()
    assert.are.same(e("a", {}, "1&nbsp;&euro;"), decode("<a>1&nbsp;&euro;</a>").root)
    assert.are.same(e("a", {}, "&nbsp;"),
      decode('<!DOCTYPE a PUBLIC "-//X" "http://127.0.0.1:1/a.dtd"><a>&nbsp;</a>').root)
  end)

  it("reads other encodings", function()
    assert.are.same(e("a", {}, "äö"),
      decode_bytes('<?xml version="1.0" encoding="ISO-8859-1"?><a>\228\246</a>'))
    assert.are.same(e("a", {}, "€ “x”"),
      decode_bytes('<?xml version="1.0" encoding="windows-1252"?><a>\128 \147x\148</a>'))
    assert.are.same(e("a", {}, "€"),
      decode_bytes("<a>\128</a>", '{ encoding = "windows-1252" }'))
    assert.are.same(e("a", {}, "x"),
      decode_bytes("\254\255" .. ("<a>x</a>"):gsub(".", "\0%0")))
  end)

  it("gives a root without children an empty list", function()
    assert.are.same(e("a", {}), decode("<a/>").root)
  end)

  it("tells where a document is not well-formed", function()
    local err = decode("<a>\n  <b>\n</a>").err
    assert.are.same({ code = "bad_xml", line = 3, column = 3,
      message = "line 3, column 3: mismatched tag" }, err)
  end)

  for what, text in pairs({
    ["nothing"] = "", ["no element"] = "just text", ["an open element"] = "<a>",
    ["two roots"] = "<a/><b/>", ["a bare &"] = "<a>x & y</a>",
    ["an attribute twice"] = "<a x='1' x='2'/>",
    ["bytes that are not UTF-8"] = "<a>\255</a>",
    ["an encoding that is not known"] = "<?xml version='1.0' encoding='klingon'?><a/>",
    ["a NUL"] = "<a>\0</a>", ["white space in front"] = " <?xml version='1.0'?><a/>",
  }) do
    it("refuses " .. what, function()
      local err = eval("local _, err = (...).xml.decode(%s) "
        .. "return { code = err.code, line = err.line }", quoted(text))
      assert.are.equal("bad_xml", err.code)
      assert.are.equal(1, err.line)
    end)
  end

  it("refuses entities and defaults that a document declares", function()
    local laughs = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]><a>&y;</a>'
    assert.are.equal("xml_refused", decode(laughs).err.code)
    assert.matches("declares entities", decode(laughs).err.message, 1, true)
    for _, doctype in ipairs({
      '<!ENTITY x SYSTEM "file:///etc/passwd">', '<!ENTITY % p "x"> %p;',
      '<!ENTITY % p SYSTEM "http://127.0.0.1:1/">', '<!ATTLIST a x CDATA "default">',
    }) do
      local err = decode("<!DOCTYPE a [" .. doctype .. "]><a/>").err
      assert.are.equal("xml_refused", err.code, doctype)
    end
  end)

  it("is bounded in depth, parts and bytes", function()
    local deep = run("repeat", { before = "", part = "<a>", times = 201, after = "" })
    assert.are.equal("xml_refused", deep.err.code)
    assert.matches("200 elements inside", deep.err.message, 1, true)
    assert.are.equal("bad_xml",
      run("repeat", { before = "", part = "<a>", times = 200, after = "" }).err.code)
    local list = { before = "<a>", part = "<b/>", times = 199999, after = "</a>" }
    assert.are.equal(199999, run("repeat", list).children)
    list.times = 200000
    assert.matches("more than 200000", run("repeat", list).err.message, 1, true)
    assert.are.equal("too_large",
      run("repeat", { before = "<a>", part = ("x"):rep(1024), times = 16 * 1024,
        after = "</a>" }).err.code)
  end)

  it("takes a text and known options, and raises otherwise", function()
    for code, message in pairs({
      ["(...).xml.decode(5)"] = "candy.xml.decode: the argument must be a text, not 5",
      ["(...).xml.decode('', { x = 1 })"] = "known options: encoding",
      ["(...).xml.text('a')"] = "must be an element, not \"a\"",
      ["(...).xml.encode({})"] = "must be an element such as",
    }) do
      local done = worker:run("eval", cjson.encode({ code = code }))
      assert.matches(message, done.error.message, 1, true)
    end
  end)
end)

describe("of an element", function()
  local TREE = "local candy = ... local root = candy.xml.decode("
    .. "'<a>1<b i=\"x\">2<c>3</c></b>4<b/><d>5</d></a>') "

  it("text is all that is inside", function()
    assert.are.equal("12345", eval(TREE .. "return candy.xml.text(root)"))
  end)

  it("children are its elements", function()
    assert.are.same({ 3, 2, "d", "x", true }, eval(TREE .. [[
      local xml = candy.xml
      return { #xml.children(root), #xml.children(root, "b"), xml.child(root, "d").name,
        xml.child(root, "b").attributes.i, xml.child(root, "e") == nil } ]]))
  end)

  it("encode gives what decode reads", function()
    local text = '<a x="1 &lt;&quot;&#10;" y="&amp;">b &amp; <c/>]]&gt;<d>&lt;</d></a>'
    assert.are.equal(text, eval(
      "local xml = (...).xml return xml.encode(xml.decode(%s))", quoted(text)))
    assert.are.equal("<a>5</a>",
      eval("return (...).xml.encode({ name = 'a', children = { 5 } })"))
  end)
end)
