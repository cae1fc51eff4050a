-- Markdown as far as the documentation needs it read by a program: fenced code blocks,
-- relative links, console sessions and whether an output is what a session shows.
local markdown = {}

local function each_line(text)
  return (text:sub(-1) == "\n" and text or text .. "\n"):gmatch("([^\n]*)\n")
end

local function lines_of(text)
  local lines = {}
  for line in each_line(text) do
    lines[#lines + 1] = line
  end
  return lines
end

-- ---- blocks and links ----

-- Calls on_block for each fenced block and on_prose for each line outside of them.
local function walk(text, on_block, on_prose)
  local block
  local number = 0
  for line in each_line(text) do
    number = number + 1
    local fence = line:match("^%s*```(.*)$")
    if not fence and block then
      block.lines[#block.lines + 1] = line
    elseif not fence then
      on_prose(line, number)
    elseif block then
      block.text = table.concat(block.lines, "\n") .. "\n"
      on_block(block)
      block = nil
    else
      block = { language = fence:match("^%S*"), line = number, lines = {} }
    end
  end
  assert(not block, block and ("the block of line %d has no end"):format(block.line))
end

local function nothing() end

--- The fenced code blocks in their order; `line` is that of the opening fence.
---@param text string
---@return { language: string, text: string, lines: string[], line: integer }[]
function markdown.blocks(text)
  local blocks = {}
  walk(text, function(block)
    blocks[#blocks + 1] = block
  end, nothing)
  return blocks
end

local function is_relative(target)
  return not target:find("^%a[%w+.-]*:") and not target:find("^#")
end

--- The targets of relative links outside of code, without what follows a `#`.
---@param text string
---@return { path: string, line: integer }[]
function markdown.links(text)
  local links = {}
  walk(text, nothing, function(line, number)
    for target in line:gsub("`[^`]*`", ""):gmatch("%]%(([^%s)]+)") do
      if is_relative(target) then
        links[#links + 1] = { path = target:match("^[^#]*"), line = number }
      end
    end
  end)
  return links
end

-- ---- console sessions ----

--- The commands of a ```console block: "$ " begins one, a backslash at its end continues
--- it, and the lines up to the next command are what it prints.
---@param block { lines: string[], line: integer }
---@return { command: string, expected: string[], line: integer }[]
function markdown.session(block)
  local steps, step = {}, nil
  for i, line in ipairs(block.lines) do
    local command = line:match("^%$ (.*)$")
    if command then
      step = { command = command, expected = {}, line = block.line + i }
      steps[#steps + 1] = step
    elseif not step then
      error(("line %d: output before the first command"):format(block.line + i), 0)
    elseif #step.expected == 0 and step.command:sub(-1) == "\\" then
      step.command = step.command .. "\n" .. line
    else
      table.insert(step.expected, line)
    end
  end
  return steps
end

local function line_matches(expected, actual)
  local start = expected:match("^(.+)%.%.%.$")
  if start then
    return actual:sub(1, #start) == start
  end
  return expected == actual
end

-- Whether expected[i..] fits actual[j..]; a line "..." takes as few lines as will do.
local function fits(expected, i, actual, j)
  if i > #expected then
    return j > #actual
  end
  if expected[i] == "..." then
    return fits(expected, i + 1, actual, j)
      or j <= #actual and fits(expected, i, actual, j + 1)
  end
  return j <= #actual and line_matches(expected[i], actual[j])
    and fits(expected, i + 1, actual, j + 1)
end

--- Whether the output is the expected one: "..." at the end of a line stands for the rest
--- of it, a line "..." for any number of lines, blank lines at the end count for nothing.
---@param expected string[]
---@param output string
---@return boolean
function markdown.matches(expected, output)
  local actual = lines_of((output:gsub("%s+$", "")))
  local last = #expected
  while expected[last] == "" do
    last = last - 1
  end
  if actual[1] == "" and #actual == 1 then
    actual = {}
  end
  return fits({ unpack(expected, 1, last) }, 1, actual, 1)
end

return markdown
