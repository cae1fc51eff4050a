-- JSON Schema: the published suite of draft 2020-12, what users read when a payload or a
-- schema is wrong, and that nothing hostile takes long or falls over. Schemas and values
-- are written as JSON text, since Lua does not tell 1 from 1.0 nor [] from {}.
local cjson = require("cjson")

local PROBE = (os.getenv("CANDY_BUILD") or "build") .. "/probe/schema"
local SUITE = "../shared/data/json-schema-test-suite"

-- Runs the probe on one input, which becomes one line, and returns its answer.
local function ask(input)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write((input:gsub("\n", " ")), "\n")
  file:close()
  local pipe = assert(io.popen(("%s < %s 2>&1; echo; echo exit $?"):format(PROBE, name)))
  local output = pipe:read("*a")
  pipe:close()
  os.remove(name)
  local ok, answer = pcall(cjson.decode, output:match("^[^\n]*"))
  if not ok or not output:find("\nexit 0\n$") then
    error("the probe failed:\n" .. output:sub(-4000), 2)
  end
  return answer
end

local function check_all(schema, ...)
  local values = table.concat({ ... }, ",")
  local answer = ask(('{"schema":%s,"instances":[%s]}'):format(schema, values))
  return answer.results or error(answer.error.text, 2)
end

-- The problems of one value, as lines "pointer code: message".
local function problems(schema, value)
  local lines = {}
  for i, p in ipairs(check_all(schema, value)[1]) do
    lines[i] = ("%s %s: %s"):format(p.pointer, p.code, p.message)
  end
  return lines
end

local function refusal(schema)
  local answer = ask(('{"schema":%s,"instances":[]}'):format(schema))
  assert(answer.error, "the schema was not refused")
  return answer.error.code, answer.error.text
end

local function assert_code(code, schema, value)
  local found = check_all(schema, value)[1]
  assert.equal(code, #found == 1 and found[1].code or #found)
end

local function nest(depth, open, leaf, close)
  return open:rep(depth) .. leaf .. close:rep(depth)
end

describe("the JSON Schema test suite", function()
  local function suite_files()
    local files = {}
    local list = "ls " .. SUITE .. "/tests/draft2020-12/*.json 2>/dev/null"
    local pipe = assert(io.popen(list))
    for path in pipe:lines() do
      files[#files + 1] = path
    end
    pipe:close()
    return files
  end

  -- What is wrong with a test of the suite, or nil.
  local function verdict(group, test)
    if not test.problems then
      return group.error.text
    end
    if (#test.problems == 0) ~= test.valid then
      return test.valid and test.problems[1].message or "was found valid"
    end
  end

  local function failures(groups)
    local failed = {}
    for _, group in ipairs(groups) do
      for _, test in ipairs(group.tests) do
        local why = verdict(group, test)
        if why then
          failed[#failed + 1] = ("%s | %s: %s"):format(
            group.description, test.description, why)
        end
      end
    end
    return failed
  end

  local files = suite_files()
  if #files == 0 then
    pending("is skipped: there is no " .. SUITE .. " beside this checkout")
  end
  for _, path in ipairs(files) do
    it("passes " .. path:match("[^/]+$"), function()
      local remotes = SUITE .. "/remotes"
      local answer = ask(cjson.encode({ suite = path, remotes_dir = remotes }))
      assert.is_true(#answer.groups > 0)
      assert.equal("", table.concat(failures(answer.groups), "\n"))
    end)
  end
end)

describe("what a user reads about a payload", function()
  local DIGEST = [[{
    "type": "object",
    "properties": {
      "name": { "type": "string", "minLength": 2, "maxLength": 4 },
      "count": { "type": "integer", "minimum": 1, "exclusiveMaximum": 10 },
      "labels": { "type": "array", "items": { "type": ["string", "null"] },
                  "uniqueItems": true, "maxItems": 3 }
    },
    "required": ["name"],
    "additionalProperties": false
  }]]

  it("names the missing field", function()
    assert.same({ "/name required: is missing" }, problems(DIGEST, "{}"))
  end)

  it("names the wanted type and the given one", function()
    assert.same({ " type: must be an object, not an array" }, problems(DIGEST, "[]"))
    assert.same({
      "/name type: must be a string, not an integer",
      "/count type: must be an integer, not 1.5",
      "/labels/1 type: must be a string or null, not true",
    }, problems(DIGEST, '{"name":5,"count":1.5,"labels":["a",true]}'))
  end)

  it("points at the unknown field, escaped, and tells the known ones", function()
    assert.same({
      "/a~1b~0c unknown_field: is not a field of this payload; "
        .. "known fields: name, count, labels",
    }, problems(DIGEST, '{"name":"abc","a/b~c":1}'))
  end)

  it("tells limits and what is there", function()
    assert.same({
      "/name max_length: must have at most 4 characters, not 5",
      "/count exclusive_maximum: must be less than 10",
      "/labels max_items: must have at most 3 items, not 4",
      "/labels/3 unique_items: is the same as item 1; all must differ",
    }, problems(DIGEST, '{"name":"abcde","count":10,"labels":["a","b","c","b"]}'))
  end)

  it("counts characters, not bytes", function()
    assert.same({}, problems(DIGEST, '{"name":"äöü😀"}'))
    assert.same({ "/name min_length: must have at least 2 characters, not 1" },
      problems(DIGEST, '{"name":"😀"}'))
  end)

  it("lists allowed values", function()
    assert.same({ ' enum: must be "a", 1, null or {...}' },
      problems('{"enum":["a",1,null,{"x":1}]}', '"b"'))
    assert.same({ " const: must be 0.1" }, problems('{"const":0.1}', "1"))
  end)

  it("picks the nearest of several forms, also through nested ones", function()
    local FORMS = [[{ "oneOf": [
      { "properties": { "kind": { "const": "a" }, "x": { "type": "integer" } } },
      { "anyOf": [
        { "properties": { "kind": { "const": "b" }, "y": { "type": "string" } } } ] }
    ] }]]
    assert.same({
      " one_of: fits none of the 2 allowed forms; "
        .. "the nearest: /y must be a string, not an integer",
    }, problems(FORMS, '{"kind":"b","y":5}'))
    assert.same({ " one_of: fits the forms 1 and 2 of 2, but only one may fit" },
      problems(FORMS, "{}"))
  end)

  it("does not call a field unknown whose value alone is wrong", function()
    assert.same({ "/a type: must be an integer, not a string" }, problems([[{
      "allOf": [{ "properties": { "a": { "type": "integer" } } }],
      "unevaluatedProperties": false
    }]], '{"a":"x"}'))
  end)

  it("tells one problem once, however many ways lead to it", function()
    assert.same({ " type: must be a string, not an integer" },
      problems('{"allOf":[{"type":"string"},{"type":"string"}]}', "1"))
  end)

  it("explains names, extra items and dependent fields", function()
    assert.same({
      "/b required: is missing; it must be there when \"a\" is",
      "/long property_name: has a name that is not allowed: "
        .. "it must have at most 3 characters, not 4",
    }, problems([[{ "dependentRequired": { "a": ["b"] },
      "propertyNames": { "maxLength": 3 } }]], '{"a":1,"long":2}'))
    assert.same({ "/1 extra_item: is one item too many" },
      problems('{"prefixItems":[true],"items":false}', "[1,2]"))
  end)

  it("keeps no more problems than asked for, but counts all", function()
    local answer = ask([=[{ "schema": { "items": { "type": "string" } },
      "instances": [[1,2,3,4]], "max": 2 }]=])
    assert.equal(2, #answer.results[1])
    assert.equal(4, answer.counts[1])
  end)

  it("only says that a value is wrong when no problem is asked for", function()
    local answer = ask([=[{ "schema": { "items": { "type": "string" } },
      "instances": [[1,2], ["a"]], "max": 0 }]=])
    assert.same({ 1, 0 }, answer.counts)
  end)
end)

describe("numbers", function()
  it("are equal however they are written", function()
    assert.same({ {}, {}, {} },
      check_all('{"enum":[1,{"a":[2.0,1e3]}]}', "1.0", '{"a":[2,1000]}', "1"))
  end)

  it("of 64 bits and of 53 are compared exactly", function()
    assert_code("maximum", '{"maximum":9007199254740992}', "9007199254740993")
    assert_code("const", '{"const":9007199254740993}', "9007199254740992.0")
    assert.same({ {} }, check_all('{"type":"integer"}', "123456789012345678901234567890"))
  end)

  it("are multiples by their decimal digits", function()
    assert.same({ {}, {}, {}, {} },
      check_all('{"multipleOf":0.01}', "0.07", "19.99", "4.35", "-1e300"))
    assert_code("multiple_of", '{"multipleOf":0.01}', "0.015")
    assert_code("multiple_of", '{"multipleOf":0.3}', "1e308")
  end)
end)

describe("patterns", function()
  local function fits(pattern, value)
    local schema = cjson.encode({ pattern = pattern })
    return #check_all(schema, value)[1] == 0
  end

  it("mean what they mean in JavaScript", function()
    assert.is_true(fits([[b]], '"abc"'))
    assert.is_false(fits([[^a$]], '"a\\n"'))
    assert.is_false(fits([[^\d$]], '"\\u0663"'))
    assert.is_true(fits([[^\p{Letter}+$]], '"äΩ"'))
    assert.is_true(fits([[^\p{Script=Greek}$]], '"Ω"'))
    assert.is_true(fits([[^\u{1f600}$]], '"😀"'))
    assert.is_true(fits("^[\\s]\\s$", '"\\u00a0\\ufeff"'))
    assert.is_true(fits("^[[:]+$", '"[:"'))
  end)
end)

describe("a schema that is wrong", function()
  local REFUSED = {
    bad_schema = {
      ['{"properties":{"a":{"type":"strin"}}}'] = "/properties/a/type must be a type",
      ['{"properties":{"a/b":{"minLength":-1}}}'] = "/properties/a~1b/minLength must be",
      ['{"required":"name"}'] = "/required must be an array, not a string",
      ['{"items":[{}]}'] = "/items must be a schema",
      ['{"anyOf":[true,5]}'] = "/anyOf/1 must be a schema",
      ['{"multipleOf":0}'] = "/multipleOf must be greater than 0",
      ['{"$id":"a#b"}'] = "/$id must have no fragment",
      ['{"$anchor":"x","not":{"$anchor":"x"}}'] = '/not/$anchor names "#x"',
      ['"text"'] = "the root must be a schema",
    },
    bad_pattern = {
      ['{"pattern":"(a"}'] = "/pattern is wrong at byte 2: missing closing",
      ['{"patternProperties":{"[":true}}'] = '/patternProperties has the pattern "["',
    },
    unresolved_ref = {
      ['{"$ref":"#/$defs/x"}'] = '/$ref leads to "#/$defs/x", which is not there',
      ['{"$ref":"http://a.example/b"}'] = "nothing is fetched, so put it under $defs",
    },
    unknown_dialect = {
      ['{"$schema":"http://json-schema.org/draft-07/schema#"}'] = "/$schema names",
    },
    endless_ref = {
      ['{"$ref":"#"}'] = "/$ref leads back to itself",
      ['{"allOf":[{"not":{"$ref":"#"}}]}'] = "/allOf/0/not/$ref leads back to itself",
    },
  }

  local function is_refused(schema, code, text)
    local found, message = refusal(schema)
    assert.equal(code, found)
    assert.is_truthy(message:find(text, 1, true), message)
  end

  for code, cases in pairs(REFUSED) do
    it("is refused with its place: " .. code, function()
      for schema, text in pairs(cases) do
        is_refused(schema, code, text)
      end
    end)
  end

  it("names the place at the end of a very long way", function()
    local _, text = refusal(nest(1500, '{"not":', '{"type":5}', "}"))
    assert.is_truthy(text:find("%.%.%./not/.*/not/type must be"), text)
  end)
end)

describe("a hostile schema or value", function()
  local LONG_A = '"' .. ("a"):rep(40) .. 'b"'

  it("cannot make a pattern run for ever", function()
    local schema = '{"pattern":"^(a+)+$"}'
    assert_code("pattern_too_costly", schema, LONG_A)
    assert.same({}, problems(schema, '"aaaa"'))
  end)

  it("cannot hide that behind an alternative", function()
    local schema = [[{ "anyOf": [
      { "pattern": "^(a+)+$" }, { "not": { "pattern": "^(a+)+$" } }, true] }]]
    assert_code("pattern_too_costly", schema, LONG_A)
  end)

  it("cannot spread it over a long text or many texts", function()
    local long = '"' .. ("a"):rep(1e6) .. '"'
    assert_code("pattern_too_costly", '{"pattern":"a*[bc]"}', long)
    local middling = '"' .. ("a"):rep(16) .. 'b"'
    assert_code("pattern_too_costly", '{"items":{"pattern":"^(a+)+$"}}',
      "[" .. (middling .. ","):rep(20000) .. middling .. "]")
  end)

  it("is checked where it is large but honest", function()
    assert.same({}, problems([[{"pattern":"^(?:[A-Za-z0-9+/]{4})*$"}]],
      '"' .. ("abcd"):rep(250000) .. '"'))
  end)

  it("cannot make a check exponential", function()
    local defs = { '"d30":{"type":"string"}' }
    for i = 0, 29 do
      local ref = ('{"$ref":"#/$defs/d%d"}'):format(i + 1)
      defs[#defs + 1] = ('"d%d":{"allOf":[%s,%s]}'):format(i, ref, ref)
    end
    local schema = ('{"$ref":"#/$defs/d0","$defs":{%s}}'):format(table.concat(defs, ","))
    assert_code("too_costly", schema, '"x"')
  end)

  it("cannot overflow the stack by a reference that is dynamic", function()
    assert_code("too_deep", '{"$dynamicAnchor":"n","allOf":[{"$dynamicRef":"#n"}]}', "1")
    assert_code("too_deep", [[{ "$dynamicAnchor": "n", "oneOf": [
      { "unevaluatedProperties": false, "anyOf": [{ "$dynamicRef": "#n" }] } ] }]], "{}")
  end)

  it("may be nested as deep as JSON may be", function()
    local deep = nest(2040, '{"a":', "1", "}")
    local tree = [[{ "$defs": { "n": { "oneOf": [ { "type": "integer" },
      { "properties": { "a": { "$ref": "#/$defs/n" } }, "required": ["a"],
        "type": "object", "unevaluatedProperties": false } ] } },
      "allOf": [{ "$ref": "#/$defs/n" }] }]]
    assert.same({ {} }, check_all(tree, deep))
    local found = check_all('{"properties":{"a":{"$ref":"#"}},"type":"object"}', deep)[1]
    assert.equal(("/a"):rep(2040), found[1].pointer)
    assert_code("const", '{"const":' .. nest(2000, "[", "1", "]") .. "}",
      nest(1999, "[", "1", "]"))
  end)

  it("may be a schema of 2000 levels", function()
    local schema = nest(2000, '{"items":', '{"type":"string"}', "}")
    local good, bad = nest(2000, "[", '"x"', "]"), nest(2000, "[", "1", "]")
    local results = check_all(schema, good, bad)
    assert.same({}, results[1])
    assert.equal("type", results[2][1].code)
  end)

  it("tells the nearest of alternatives 2000 levels down", function()
    local schema = '{"anyOf":[{"type":"array","items":{"$ref":"#"}},{"type":"string"}]}'
    local found = check_all(schema, nest(2000, "[", "1", "]"))[1]
    assert.is_true(#found[1].message < 5000)
  end)

  it("finds twins among a hundred thousand items", function()
    local items = {}
    for i = 1, 100000 do
      items[i] = ('{"id":%d,"t":["a",{"b":1.5}]}'):format(i)
    end
    items[100001] = '{"t":["a",{"b":1.50}],"id":777.0}'
    local value = "[" .. table.concat(items, ",") .. "]"
    assert.same({ "/100000 unique_items: is the same as item 776; all must differ" },
      problems('{"uniqueItems":true}', value))
  end)
end)
