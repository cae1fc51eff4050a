-- docs/reference/scripts.md names each task of scripts/ and each field of its payload.
local candy = require("spec.support.candy")

local function scripts()
  local found = {}
  local list = io.popen("ls scripts")
  for name in list:lines() do
    found[name] = candy.read("scripts/" .. name)
  end
  list:close()
  return found
end

describe("the page of the shipped scripts", function()
  local host, page

  setup(function()
    host = candy.start({ scripts = scripts() })
    page = candy.read("docs/reference/scripts.md")
  end)

  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  it("names their tasks and payloads", function()
    local tasks = host:request("GET", "/definitions").json.items
    assert.is_true(#tasks > 0)
    for _, task in ipairs(tasks) do
      assert.is_truthy(page:find(task.name, 1, true), task.name)
      assert.is_string(task.description, task.name .. " has no description")
      for field in pairs(task.schema.properties) do
        assert.is_truthy(page:find("`" .. field .. "`", 1, true),
          task.name .. "." .. field)
      end
    end
  end)
end)
