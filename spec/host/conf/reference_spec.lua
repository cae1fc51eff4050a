local cjson = require("cjson")
local candy = require("spec.support.candy")
local program = require("spec.support.program")

-- The table of settings is the one source: what tells of it must be complete.
describe("the reference of settings", function()
  local PROBE = program.build() .. "/probe/conf"
  local settings = cjson.decode(program.run(PROBE, { "settings" }).out)

  local function row_of(text, variable)
    return text:match("\n(|[^\n]*`" .. variable .. "`[^\n]*)")
  end

  it("has a row for each setting with all that the table tells of it", function()
    local text = candy.read("docs/reference/configuration.md")
    for _, setting in ipairs(settings) do
      local row = assert(row_of(text, setting.variable), setting.variable)
      if setting.in_files then
        assert.matches("`" .. setting.name .. "`", row, 1, true)
      end
      if setting.default ~= cjson.null then
        assert.matches("`" .. setting.default .. "`", row, 1, true)
      end
      if setting.flag ~= cjson.null then
        assert.matches("`--" .. setting.flag .. "`", row, 1, true)
      end
      assert.are.equal(setting.live, row:find("| live |", 1, true) ~= nil, setting.name)
    end
  end)

  it("tells of no variable that is unknown", function()
    local known = { CANDY_SECRET_NAME = true, CANDY_SECRET_ = true }
    for _, setting in ipairs(settings) do
      known[setting.variable] = true
    end
    for _, page in ipairs({ "configuration", "cli" }) do
      local text = candy.read("docs/reference/" .. page .. ".md")
      for variable in text:gmatch("CANDY_[%u_]+") do
        assert(known[variable], variable)
      end
    end
  end)
end)
