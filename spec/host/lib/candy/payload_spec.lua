-- The payload shorthand, as the manifest tells it.
local support = require("spec.support.worker")

local function load_task(payload, more)
  local worker = support.start_one(
    ('candy.task("t", { payload = %s%s }, function() end)'):format(payload, more or ""))
  local manifest = worker:manifest()
  worker:close()
  return manifest.tasks[1] and manifest.tasks[1].schema, manifest.files[1].error
end

describe("the shorthand", function()
  local fields = {
    { '"string"', { type = "string" }, true },
    { '"integer"', { type = "integer" }, true },
    { '"number"', { type = "number" }, true },
    { '"boolean"', { type = "boolean" }, true },
    { '"table"', { type = { "object", "array" } }, true },
    { '"any"', {}, true },
    { '"any?"', {}, false },
    { '"string?"', { type = { "string", "null" } }, false },
    { '"table?"', { type = { "object", "array", "null" } }, false },
    { '"string[]"', { type = "array", items = { type = "string" } }, true },
    { '"string[]?"', { type = { "array", "null" }, items = { type = "string" } }, false },
    { '"integer[][]"',
      { type = "array", items = { type = "array", items = { type = "integer" } } },
        true },
    { "{ schema = { enum = { 1, 2 } } }", { enum = { 1, 2 } }, true },
    { '{ x = "number", y = "number?" }', {
      type = "object", additionalProperties = false, required = { "x" },
      properties = { x = { type = "number" }, y = { type = { "number", "null" } } },
    }, true },
  }
  for _, case in ipairs(fields) do
    it("of a field " .. case[1], function()
      local schema = load_task("{ f = " .. case[1] .. " }")
      assert.same({
        type = "object", additionalProperties = false,
        properties = { f = case[2] }, required = case[3] and { "f" } or {},
      }, schema)
    end)
  end

  it("takes a JSON Schema as it is", function()
    assert.same({ type = "object", minProperties = 1 },
      load_task('{ schema = { type = "object", minProperties = 1 } }'))
  end)

  it("lets other fields through when it is told so", function()
    assert.is_true(load_task('{ f = "string" }',
      ", additional = true").additionalProperties)
  end)

  local faults = {
    { '{ f = "strin" }',
      'the payload of task "t": field "payload.f": "strin" is no type' },
    { '{ f = "string?[]" }', '"string?[]" is no type' },
    { '{ f = "string[" }', '"string[" is no type' },
    { '{ a = { b = "x" } }', 'field "payload.a.b": "x" is no type' },
    { "{ f = 5 }", 'field "payload.f": must be a type such as "string"' },
    { '{ "string" }', "fields have names" },
    { '"string"', 'option "payload" of task "t" must be a table such as' },
    { '{ schema = { type = "strin" } }', 'the payload of task "t": ' },
    { "{ schema = { enum = print } }", 'the payload of task "t": enum is a function' },
  }
  for _, case in ipairs(faults) do
    it("names the fault in " .. case[1], function()
      local _, err = load_task(case[1])
      assert.truthy(err.message:find(case[2], 1, true), err.message)
      assert.equal(2, err.line)
    end)
  end
end)
