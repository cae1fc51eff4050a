-- Texts of feeds: HTML as plain text, and bytes that are no UTF-8.
local text = {}

-- The names of HTML's entities for U+00A0 to U+00FF, in their order, and some others.
local LATIN = [[
  nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr
  deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12
  frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc
  Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times
  Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml
  aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde
  ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn
  yuml
]]

local ENTITIES = {
  amp = 38, lt = 60, gt = 62, quot = 34, apos = 39, OElig = 338, oelig = 339,
  Scaron = 352, scaron = 353, Yuml = 376, fnof = 402, circ = 710, tilde = 732,
  ensp = 8194, emsp = 8195, thinsp = 8201, zwnj = 8204, zwj = 8205, ndash = 8211,
  mdash = 8212, lsquo = 8216, rsquo = 8217, sbquo = 8218, ldquo = 8220, rdquo = 8221,
  bdquo = 8222, dagger = 8224, bull = 8226, hellip = 8230, permil = 8240, prime = 8242,
  lsaquo = 8249, rsaquo = 8250, euro = 8364, trade = 8482, larr = 8592, rarr = 8594,
  minus = 8722, infin = 8734, ne = 8800, le = 8804, ge = 8805,
}
do
  local code = 160
  for name in LATIN:gmatch("%w+") do
    ENTITIES[name] = code
    code = code + 1
  end
end

-- What browsers make of the bytes 0x80 to 0x9f, and of &#128; to &#159;.
local WINDOWS = {
  [0] = 0x20ac, 0x81, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030,
  0x0160, 0x2039, 0x0152, 0x8d, 0x017d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d,
  0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d, 0x017e, 0x0178,
}

-- A code point as UTF-8.
local function encode(code)
  local char, floor = string.char, math.floor
  if code < 0x80 then
    return char(code)
  elseif code < 0x800 then
    return char(0xc0 + floor(code / 64), 0x80 + code % 64)
  elseif code < 0x10000 then
    return char(0xe0 + floor(code / 4096), 0x80 + floor(code / 64) % 64, 0x80 + code % 64)
  end
  return char(0xf0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64,
    0x80 + floor(code / 64) % 64, 0x80 + code % 64)
end

local function from_windows(code)
  return code >= 0x80 and code < 0xa0 and WINDOWS[code - 0x80] or code
end

local function is_character(code)
  return code == 9 or code == 10 or code == 13 or code >= 32 and code < 0xd800
    or code >= 0xe000 and code <= 0x10ffff
end

local function code_of(digits, base)
  local code = #digits < 9 and tonumber(digits, base)
  return code and is_character(code) and from_windows(code)
end

--- Puts characters for the entities of HTML; what is none stays.
---@param html string
---@return string
function text.decode_entities(html)
  return (html:gsub("&(#?)([xX]?)(%w+);", function(number, hex, name)
    local code
    if number == "" then
      code = ENTITIES[hex .. name]
    else
      code = code_of(name, hex == "" and 10 or 16)
    end
    return code and encode(code)
  end))
end

local function trim(plain)
  return (plain:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""))
end

--- A text on one line, or nil when there is nothing in it.
---@param plain string?
---@return string?
function text.line(plain)
  plain = trim(plain or "")
  return plain ~= "" and plain or nil
end

--- HTML as a text on one line: no tags, entities as what they stand for.
---@param html string?
---@return string?
function text.plain(html)
  html = (html or ""):gsub("<!%-%-.-%-%->", ""):gsub("</?[%a!][^<>]*>", " ")
  return text.line(text.decode_entities(html))
end

local SOUND = {
  "^[\194-\223][\128-\191]", "^\224[\160-\191][\128-\191]",
  "^[\225-\236\238\239][\128-\191][\128-\191]", "^\237[\128-\159][\128-\191]",
  "^\240[\144-\191][\128-\191][\128-\191]",
  "^[\241-\243][\128-\191][\128-\191][\128-\191]",
  "^\244[\128-\143][\128-\191][\128-\191]",
}

-- Where the character that begins at `from` ends when it is sound UTF-8, else nil.
local function sound_end(bytes, from)
  for _, pattern in ipairs(SOUND) do
    local _, last = bytes:find(pattern, from)
    if last then
      return last
    end
  end
end

local function mend_run(run)
  local out, at = {}, 1
  while at <= #run do
    local last = sound_end(run, at)
    out[#out + 1] = last and run:sub(at, last) or encode(from_windows(run:byte(at)))
    at = (last or at) + 1
  end
  return table.concat(out)
end

--- UTF-8 whatever the bytes are: those that are none are taken for Windows-1252, which is
--- what they mostly are.
---@param bytes string
---@return string
function text.mend_utf8(bytes)
  return (bytes:gsub("[\128-\255]+", mend_run))
end

return text
