-- The reference in Markdown: a page for each page of the model, and the list of pages in
-- the hand-written README.md beside them, between <!-- pages --> and <!-- /pages -->.
local types = require("tools.doc.types")

local pages = {}

local function add(out, ...)
  for _, line in ipairs({ ... }) do
    out[#out + 1] = line
  end
end

local function text_of(out)
  return table.concat(out, "\n"):gsub("\n\n\n+", "\n\n"):gsub("%s*$", "") .. "\n"
end

-- ---- types ----

local function anchor(heading)
  return (heading:lower():gsub("[^%w _-]", ""):gsub(" ", "-"))
end

local function page_of(model, name)
  local declared = model.types[name]
  for _, page in ipairs(model.pages) do
    if declared.file and declared.file.home == page.file then
      return page.key .. ".md#" .. anchor(name)
    elseif declared.members and page.title == name then
      return page.key .. ".md"
    end
  end
end

-- A type in code, with a link to the page of the first type in it that the library has.
local function show_type(model, type)
  local name = types.declared(type, model.types)[1]
  local target = name and page_of(model, name)
  return target and ("[`%s`](%s)"):format(type, target) or ("`%s`"):format(type)
end

-- ---- entries ----

local function signature(entry)
  local names = {}
  for i, param in ipairs(entry.params) do
    local optional = param.name ~= "..." and types.is_optional(param)
    names[i] = param.name .. (optional and "?" or "")
  end
  return ("%s(%s)"):format(entry.name, table.concat(names, ", "))
end

local function item(name, type, words)
  return ("- %s %s%s"):format(name, type, words ~= "" and ": " .. words or "")
end

local function add_parameters(model, out, entry)
  for _, param in ipairs(entry.params) do
    add(out, item(("`%s`"):format(param.name), show_type(model, param.type), param.words))
  end
end

local function add_returns(model, out, entry)
  for _, group in ipairs(entry.returns) do
    local values = {}
    for i, value in ipairs(group) do
      values[i] = (value.name and ("`%s` "):format(value.name) or "")
        .. show_type(model, value.type)
    end
    local list = table.concat(values, ", ")
    add(out, "", ("Returns %s%s"):format(list,
      group.words ~= "" and ": " .. group.words or "."))
  end
end

local function add_function(model, out, entry, level)
  add(out, "", level .. " " .. signature(entry), "")
  add(out, unpack(entry.block.text))
  add(out, "")
  add_parameters(model, out, entry)
  add_returns(model, out, entry)
end

local function add_value(model, out, entry)
  add(out, "", "## " .. entry.name, "")
  add(out, unpack(entry.block.text))
  add(out, "", "Type: " .. show_type(model, entry.block.type))
end

local function add_class(model, out, class)
  add(out, "", "## " .. class.name, "")
  add(out, unpack(class.block.text))
  add(out, "")
  if class.parent then
    add(out, "- the fields of " .. show_type(model, class.parent))
  end
  for _, field in ipairs(class.fields) do
    add(out, item(("`%s%s`"):format(field.name, field.optional and "?" or ""),
      show_type(model, field.type), field.words))
  end
  for _, method in ipairs(class.methods) do
    add_function(model, out, method, "###")
  end
end

local function add_alias(model, out, alias)
  add(out, "", "## " .. alias.name, "")
  add(out, unpack(alias.block.text))
  add(out, "", "One of " .. show_type(model, alias.block.type)
    .. (alias.block.words ~= "" and ": " .. alias.block.words or "."))
end

-- ---- pages ----

-- Where a file has no text for its readers, what it says of itself serves.
local function prose_of(page)
  if #page.prose > 0 then
    return page.prose
  end
  local prose = {}
  for i, line in ipairs(page.file.header) do
    if line == "" then
      break
    end
    prose[i] = line
  end
  if prose[1] then
    prose[1] = prose[1]:gsub("^candy[%w_.]*: ", ""):gsub("^%l", string.upper)
  end
  return prose
end

local function title_of(model, page)
  if page.title then
    return page.title
  end
  local name = page.key == "candy" and "candy" or "candy." .. page.key
  for _, found in ipairs(model.tables) do
    if found.name == name then
      return name
    end
  end
  local first = page.functions[1] or page.classes[1]
  return #page.functions <= 1 and first and first.name or name
end

local function render(model, page)
  local out = {
    "# " .. page.title, "",
    ("<!-- Made by `make docs` from the comments of %s: change them there. -->")
      :format(page.file.short),
    "",
  }
  add(out, unpack(prose_of(page)))
  for _, entry in ipairs(page.functions) do
    add_function(model, out, entry, "##")
  end
  for _, entry in ipairs(page.values) do
    add_value(model, out, entry)
  end
  for _, class in ipairs(page.classes) do
    add_class(model, out, class)
  end
  for _, alias in ipairs(page.aliases) do
    add_alias(model, out, alias)
  end
  return text_of(out)
end

-- Its first sentence, or what stands before a colon in it.
local function summary_of(page)
  local text = table.concat(prose_of(page), " "):gsub("^%s+", "")
  return (text:match("^(.-)[.:]%f[%s%z]") or text)
end

local function contents(model)
  local out = {}
  for _, page in ipairs(model.pages) do
    add(out, ("- [%s](%s.md): %s"):format(page.title, page.key, summary_of(page)))
  end
  return table.concat(out, "\n")
end

local function read_text(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

local function readme(model, path)
  local list = contents(model):gsub("%%", "%%%%")
  local text, count = read_text(path):gsub(
    "(<!%-%- pages %-%->\n).-(<!%-%- /pages %-%->)", "%1\n" .. list .. "\n\n%2")
  assert(count == 1, path .. " has no <!-- pages --> ... <!-- /pages -->")
  return text
end

--- All pages as text.
---@param model table
---@param readme_path string  the README.md whose list is made new
---@return table<string, string> texts  by file name
function pages.render(model, readme_path)
  for _, page in ipairs(model.pages) do
    page.title = title_of(model, page)
  end
  local texts = { ["README.md"] = readme(model, readme_path) }
  for _, page in ipairs(model.pages) do
    texts[page.key .. ".md"] = render(model, page)
  end
  return texts
end

return pages
