-- candy.crypto: hashes, message authentication, random values, bytes as text. Sealing is
-- done by the host, which alone has the key.
local core = require("candy.core")
local errors = require("candy.error")
local frozen = require("candy.frozen")
local options = require("candy.options")
local wait = require("candy.wait")

local RANDOM_MAX = 65536
local CONTEXT_MAX = 1000
local TEXT_MAX = 8 * 1024 * 1024
local HASHES = { sha256 = true, sha512 = true, blake2b = true }
local HMACS = { sha256 = true, sha512 = true }
local ENCODINGS = { hex = true, base64 = true, base64url = true, raw = true }
local BROKEN = { md5 = true, sha1 = true }

local function check_text(what, which, value)
  if type(value) ~= "string" then
    core.misuse(("%s: the %s must be a text, not %s")
      :format(what, which, options.show(value)))
  end
end

local function check_encoding(what, encoding, default)
  if encoding == nil then
    return default
  elseif not ENCODINGS[encoding] then
    core.misuse(('%s: an encoding is "hex", "base64", "base64url" or "raw", not %s')
      :format(what, options.show(encoding)))
  end
  return encoding
end

local function check_algorithm(what, known, names, algorithm)
  if type(algorithm) == "string" and known[algorithm] then
    return
  elseif BROKEN[algorithm] then
    core.misuse(("%s: %s is broken and not here: take sha256"):format(what, algorithm))
  end
  core.misuse(("%s: the algorithm must be %s, not %s")
    :format(what, names, options.show(algorithm)))
end

local crypto = {}

-- Hashes --

--- Hashes bytes. sha256 and sha512 are those of FIPS 180-4, blake2b that of RFC 7693 with
--- 32 bytes.
---@param algorithm string  "sha256", "sha512" or "blake2b"
---@param data string
---@param encoding string?  "hex" (the default), "base64", "base64url" or "raw"
---@return string
function crypto.hash(algorithm, data, encoding)
  local what = "candy.crypto.hash"
  check_algorithm(what, HASHES, '"sha256", "sha512" or "blake2b"', algorithm)
  check_text(what, "data", data)
  return core.hash(algorithm, data, check_encoding(what, encoding, "hex"))
end

--- Authenticates bytes by a key: HMAC (RFC 2104). Compare it with what came by
--- candy.crypto.equal.
---@param algorithm string  "sha256" or "sha512"
---@param key string  bytes of any number
---@param data string
---@param encoding string?  "hex" (the default), "base64", "base64url" or "raw"
---@return string
function crypto.hmac(algorithm, key, data, encoding)
  local what = "candy.crypto.hmac"
  check_algorithm(what, HMACS, '"sha256" or "sha512"', algorithm)
  check_text(what, "key", key)
  check_text(what, "data", data)
  return core.hmac(algorithm, key, data, check_encoding(what, encoding, "hex"))
end

--- Compares two texts in a time that does not tell where they differ: for signatures,
--- tokens and passwords.
---@param a string
---@param b string
---@return boolean
function crypto.equal(a, b)
  check_text("candy.crypto.equal", "first argument", a)
  check_text("candy.crypto.equal", "second argument", b)
  return core.bytes_equal(a, b)
end

-- Random values --

--- Random bytes of the system's generator, fit for keys.
---@param n integer  how many bytes: 1 to 65536
---@param encoding string?  "raw" (the default), "hex", "base64" or "base64url"
---@return string
function crypto.random(n, encoding)
  local what = "candy.crypto.random"
  if not options.integer(1, RANDOM_MAX)(n) then
    core.misuse(("%s: the first argument must be an integer from 1 to %d, not %s")
      :format(what, RANDOM_MAX, options.show(n)))
  end
  return core.random_bytes(n, check_encoding(what, encoding, "raw"))
end

--- A random token that nobody guesses: 32 bytes as base64url, which is 43 characters.
---@return string
function crypto.token()
  return core.random_bytes(32, "base64url")
end

local function with_dashes(hex)
  return table.concat({ hex:sub(1, 8), hex:sub(9, 12), hex:sub(13, 16), hex:sub(17, 20),
    hex:sub(21, 32) }, "-")
end

-- The variant of RFC 9562: its two bits 10 in a digit that is random otherwise.
local function variant_digit(hex)
  return ("%x"):format(8 + tonumber(hex:sub(17, 17), 16) % 4)
end

--- A UUID (RFC 9562): random, or with the time in front, so that later ones sort behind
--- earlier ones to the millisecond.
---@param version integer?  4 (the default) or 7
---@return string
function crypto.uuid(version)
  local hex = core.random_bytes(16, "hex")
  if version == 7 then
    local ms = core.now()
    hex = ("%08x%04x"):format(math.floor(ms / 65536), ms % 65536) .. hex:sub(13)
  elseif version ~= nil and version ~= 4 then
    core.misuse("candy.crypto.uuid: the version is 4 or 7, not " .. options.show(version))
  end
  return with_dashes(hex:sub(1, 12) .. (version or 4) .. hex:sub(14, 16)
    .. variant_digit(hex) .. hex:sub(18))
end

-- Bytes as text --

local function encoder(name, encoding)
  return function(data)
    check_text("candy.crypto." .. name, "argument", data)
    return core.bytes_encode(data, encoding)
  end
end

local function decoder(name, encoding, code, expected)
  return function(text)
    check_text("candy.crypto." .. name, "argument", text)
    local data = core.bytes_decode(text, encoding)
    if data then
      return data
    end
    return nil, errors.new({ code = code, message = "the text is no " .. expected })
  end
end

--- Bytes as base64 (RFC 4648, section 4), with padding.
---@param data string
---@return string text
crypto.to_base64 = encoder("to_base64", "base64")

--- Reads base64, with its padding or without. Error: `bad_base64`.
---@param text string
---@return string? data, candy.Error? err
crypto.from_base64 = decoder("from_base64", "base64", "bad_base64",
  "base64: it has A-Z, a-z, 0-9, + and /, without blanks")

--- Bytes as base64url (RFC 4648, section 5), without padding.
---@param data string
---@return string text
crypto.to_base64url = encoder("to_base64url", "base64url")

--- Reads base64url, with padding or without. Error: `bad_base64`.
---@param text string
---@return string? data, candy.Error? err
crypto.from_base64url = decoder("from_base64url", "base64url", "bad_base64",
  "base64url: it has A-Z, a-z, 0-9, - and _, without blanks")

--- Bytes as lower-case hex digits.
---@param data string
---@return string text
crypto.to_hex = encoder("to_hex", "hex")

--- Reads hex digits of either case. Error: `bad_hex`.
---@param text string
---@return string? data, candy.Error? err
crypto.from_hex = decoder("from_hex", "hex", "bad_hex",
  "hex: it has pairs of 0-9 and a-f, without blanks")

-- Sealing --

---@class candy.SealOptions
---@field context string?  what the text belongs to, such as "account 7"; at most 1000
---  bytes

local function context_of(what, opts)
  local read = options.read(what, opts, { context = options.text })
  local context = read.context or ""
  if #context > CONTEXT_MAX then
    core.misuse(("%s: a context has at most %d bytes"):format(what, CONTEXT_MAX))
  end
  return core.bytes_encode(context, "base64url")
end

--- Encrypts a text so that only this host's installation can read it again, and sees when
--- it was changed: XChaCha20-Poly1305 with a key that never leaves the host. For what is
--- kept in a table or in candy.kv, such as tokens of accounts.
---
--- The context says what the text belongs to ("account 7"); it is not kept in what comes
--- out, and the text opens with the same one only. Errors: `seal_key`.
---@param text string  any bytes, 8 MB at most
---@param opts candy.SealOptions?
---@return string? sealed, candy.Error? err  a text "c1.KEY.BASE64URL", safe in JSON and
---  URLs
function crypto.seal(text, opts)
  local what = "candy.crypto.seal"
  check_text(what, "text", text)
  if #text > TEXT_MAX then
    core.misuse(what .. ": a text that is sealed has at most 8 MB")
  end
  local answer, err = wait.request(what, "seal", {
    text = core.bytes_encode(text, "base64url"), context = context_of(what, opts),
  })
  return answer and answer.text, err
end

--- Decrypts what candy.crypto.seal made. Errors: `bad_seal` (it is no sealed text),
--- `seal_broken` (it was changed, or sealed for another context), `unknown_seal_key` (it
--- was sealed by another key than the host has now), `seal_key`.
---@param sealed string
---@param opts candy.SealOptions?  the context that it was sealed for
---@return string? text, candy.Error? err
function crypto.open(sealed, opts)
  local what = "candy.crypto.open"
  check_text(what, "sealed text", sealed)
  local context = context_of(what, opts)
  local answer, err
  if sealed:match("^[%w_.-]+$") then
    answer, err = wait.request(what, "open", { text = sealed, context = context })
  else
    err = errors.new({
      code = "bad_seal",
      message = "this is no sealed text: one begins with c1. and was made by "
        .. "candy.crypto.seal",
    })
  end
  return answer and core.bytes_decode(answer.text, "base64url"), err
end

return frozen.freeze(crypto, "candy.crypto")
