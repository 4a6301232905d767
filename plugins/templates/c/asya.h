/* What a handler in C needs: its input, its output, settings, log, errors, and the little of JSON
 * that simple handlers read. It speaks the guest ABI of Extism (`extism:host/env`) and needs no
 * library of C. Memory from asya_alloc() belongs to the call; the next one begins afresh. */
#ifndef ASYA_H
#define ASYA_H

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

/* Before a function that the host calls: ASYA_EXPORT(handle) int handle(void) { ... } */
#define ASYA_EXPORT(name) __attribute__((export_name(#name)))
#define ASYA_IMPORT(name) __attribute__((import_module("extism:host/env"), import_name(#name)))

ASYA_IMPORT(input_length) u64 asya_host_input_length(void);
ASYA_IMPORT(input_load_u8) u8 asya_host_input_load_u8(u64 offset);
ASYA_IMPORT(input_load_u64) u64 asya_host_input_load_u64(u64 offset);
ASYA_IMPORT(alloc) u64 asya_host_alloc(u64 length);
ASYA_IMPORT(length) u64 asya_host_length(u64 block);
ASYA_IMPORT(load_u8) u8 asya_host_load_u8(u64 address);
ASYA_IMPORT(store_u8) void asya_host_store_u8(u64 address, u8 value);
ASYA_IMPORT(store_u64) void asya_host_store_u64(u64 address, u64 value);
ASYA_IMPORT(output_set) void asya_host_output_set(u64 block, u64 length);
ASYA_IMPORT(error_set) void asya_host_error_set(u64 block);
ASYA_IMPORT(config_get) u64 asya_host_config_get(u64 key);
ASYA_IMPORT(log_info) void asya_host_log_info(u64 block);
ASYA_IMPORT(log_warn) void asya_host_log_warn(u64 block);

/* Bytes that know their length. `at` is 0 where there is nothing. */
typedef struct {
  const u8 *at;
  u32 length;
} asya_text;

#define ASYA_TEXT(literal) ((asya_text){(const u8 *)(literal), sizeof(literal) - 1})
#define ASYA_NOTHING ((asya_text){0, 0})

/* ---- memory ---------------------------------------------------------------------------------- */

extern u8 __heap_base;
static u8 *asya_free_memory;

/* Memory for this call. Traps where the actor's limit is reached. */
static inline u8 *asya_alloc(u32 length) {
  u8 *block = asya_free_memory;
  u64 end = (u64)(unsigned long)block + length + 8;
  u64 there = (u64)__builtin_wasm_memory_size(0) << 16;
  if (end > there) {
    u64 pages = ((end - there) >> 16) + 1;
    if (pages > 65536 || __builtin_wasm_memory_grow(0, (u32)pages) == (unsigned long)-1) {
      __builtin_trap();
    }
  }
  asya_free_memory = (u8 *)(unsigned long)((end + 7) & ~7ULL);
  return block;
}

static inline int asya_equal(asya_text a, asya_text b) {
  if (a.length != b.length) return 0;
  for (u32 i = 0; i < a.length; i++) {
    if (a.at[i] != b.at[i]) return 0;
  }
  return 1;
}

/* ---- the host -------------------------------------------------------------------------------- */

static inline u64 asya_block(asya_text text) {
  u64 block = asya_host_alloc(text.length);
  u32 i = 0;
  for (; i + 8 <= text.length; i += 8) {
    u64 eight;
    __builtin_memcpy(&eight, text.at + i, 8);
    asya_host_store_u64(block + i, eight);
  }
  for (; i < text.length; i++) asya_host_store_u8(block + i, text.at[i]);
  return block;
}

/* The payload's JSON (envelope mode: the envelope's). Call it once, before anything else. */
static inline asya_text asya_input(void) {
  asya_free_memory = &__heap_base;
  u32 length = (u32)asya_host_input_length();
  u8 *bytes = asya_alloc(length);
  u32 i = 0;
  for (; i + 8 <= length; i += 8) {
    u64 eight = asya_host_input_load_u64(i);
    __builtin_memcpy(bytes + i, &eight, 8);
  }
  for (; i < length; i++) bytes[i] = asya_host_input_load_u8(i);
  return (asya_text){bytes, length};
}

/* Answers with JSON: one value; an array is a fan-out; `null`, or never called, is no frame. */
static inline int asya_output(asya_text json) {
  asya_host_output_set(asya_block(json), json.length);
  return 0;
}

/* A setting of the actor, or of this call (`asya.id`, `asya.attempt`, ...). */
static inline asya_text asya_config(asya_text key) {
  u64 block = asya_host_config_get(asya_block(key));
  if (block == 0) return ASYA_NOTHING;
  u32 length = (u32)asya_host_length(block);
  u8 *bytes = asya_alloc(length);
  for (u32 i = 0; i < length; i++) bytes[i] = asya_host_load_u8(block + i);
  return (asya_text){bytes, length};
}

static inline void asya_log(asya_text line) { asya_host_log_info(asya_block(line)); }
static inline void asya_warn(asya_text line) { asya_host_log_warn(asya_block(line)); }

/* ---- writing --------------------------------------------------------------------------------- */

/* A text that grows, up to the size that it was made with. */
typedef struct {
  u8 *at;
  u32 length, size;
} asya_writer;

static inline asya_writer asya_write(u32 size) { return (asya_writer){asya_alloc(size), 0, size}; }

static inline void asya_add_byte(asya_writer *to, u8 byte) {
  if (to->length == to->size) __builtin_trap();
  to->at[to->length++] = byte;
}

static inline void asya_add(asya_writer *to, asya_text text) {
  for (u32 i = 0; i < text.length; i++) asya_add_byte(to, text.at[i]);
}

static inline void asya_add_number(asya_writer *to, u32 number) {
  u8 digits[10];
  u32 count = 0;
  do digits[count++] = (u8)('0' + number % 10);
  while ((number /= 10) > 0);
  while (count > 0) asya_add_byte(to, digits[--count]);
}

/* As a JSON string, quotes included: at most 6 bytes for each of the text, and 2. */
static inline void asya_add_string(asya_writer *to, asya_text text) {
  asya_add_byte(to, '"');
  for (u32 i = 0; i < text.length; i++) {
    u8 byte = text.at[i];
    if (byte < 0x20) {
      asya_add(to, ASYA_TEXT("\\u00"));
      asya_add_byte(to, "0123456789abcdef"[byte >> 4]);
      asya_add_byte(to, "0123456789abcdef"[byte & 15]);
      continue;
    }
    if (byte == '"' || byte == '\\') asya_add_byte(to, '\\');
    asya_add_byte(to, byte);
  }
  asya_add_byte(to, '"');
}

static inline asya_text asya_written(asya_writer from) { return (asya_text){from.at, from.length}; }

/* Ends the call with an error: `return asya_fail(...)`. `type` is what retry rules see. */
static inline int asya_fail(asya_text type, asya_text message) {
  asya_writer error = asya_write(6 * (type.length + message.length) + 32);
  asya_add(&error, ASYA_TEXT("{\"type\":"));
  asya_add_string(&error, type);
  asya_add(&error, ASYA_TEXT(",\"message\":"));
  asya_add_string(&error, message);
  asya_add_byte(&error, '}');
  asya_host_error_set(asya_block(asya_written(error)));
  return 1;
}

/* ---- reading JSON: the input is known to be valid ---------------------------------------------- */

static inline u32 asya_skip_space(asya_text json, u32 i) {
  while (i < json.length && (json.at[i] == ' ' || (json.at[i] >= 9 && json.at[i] <= 13))) i++;
  return i;
}

/* The index behind the value that begins at `i`. */
static inline u32 asya_skip_value(asya_text json, u32 i) {
  u32 depth = 0;
  for (int quoted = 0; i < json.length; i++) {
    u8 byte = json.at[i];
    if (quoted) {
      if (byte == '\\') i++;
      else if (byte == '"') quoted = 0;
    } else if (byte == '"') {
      quoted = 1;
    } else if (byte == '{' || byte == '[') {
      depth++;
    } else if (byte == '}' || byte == ']' || byte == ',') {
      if (depth == 0) break;
      if (byte != ',') depth--;
    } else if (byte == ':' && depth == 0) {
      break;
    }
  }
  return i < json.length ? i : json.length;
}

/* The raw JSON of an object's member, whose name is written without escapes. */
static inline asya_text asya_member(asya_text object, asya_text name) {
  u32 i = asya_skip_space(object, 0);
  if (i >= object.length || object.at[i] != '{') return ASYA_NOTHING;
  while (++i < object.length) {
    i = asya_skip_space(object, i);
    u32 start = i;
    i = asya_skip_value(object, i);
    if (i >= object.length || object.at[i] != ':') return ASYA_NOTHING;
    asya_text key = {object.at + start + 1, name.length};
    int found = start + name.length + 2 <= i && object.at[start + name.length + 1] == '"' &&
                asya_equal(key, name);
    start = i = asya_skip_space(object, i + 1);
    i = asya_skip_value(object, i);
    if (found) return (asya_text){object.at + start, i - start};
  }
  return ASYA_NOTHING;
}

static inline u32 asya_hex(const u8 *at) {
  u32 number = 0;
  for (u32 i = 0; i < 4; i++) {
    number = number * 16 + (at[i] <= '9' ? at[i] - '0' : (at[i] | 0x20) - 'a' + 10);
  }
  return number;
}

static inline void asya_add_code_point(asya_writer *to, u32 code) {
  if (code < 0x80) {
    asya_add_byte(to, (u8)code);
    return;
  }
  u32 more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  asya_add_byte(to, (u8)((0xf00 >> more) | (code >> (6 * more))));
  while (more-- > 0) asya_add_byte(to, (u8)(0x80 | ((code >> (6 * more)) & 0x3f)));
}

/* What a JSON string says, in UTF-8; nothing where the value is no string. */
static inline asya_text asya_string(asya_text value) {
  if (value.length < 2 || value.at[0] != '"') return ASYA_NOTHING;
  asya_writer text = asya_write(value.length);
  for (u32 i = 1; i < value.length && value.at[i] != '"'; i++) {
    u8 byte = value.at[i];
    if (byte != '\\') {
      asya_add_byte(&text, byte);
      continue;
    }
    if (++i >= value.length) break;
    byte = value.at[i];
    if (byte == 'u' && i + 4 < value.length) {
      u32 code = asya_hex(value.at + i + 1);
      i += 4;
      int pair = code >> 10 == 0x36 && i + 6 < value.length && value.at[i + 2] == 'u';
      if (pair) {
        code = 0x10000 + ((code & 0x3ff) << 10) + (asya_hex(value.at + i + 3) & 0x3ff);
        i += 6;
      }
      asya_add_code_point(&text, code);
      continue;
    }
    asya_add_byte(
        &text, byte == 'n' ? '\n' : byte == 't' ? '\t' : byte == 'r' ? '\r' :
               byte == 'b' ? '\b' : byte == 'f' ? '\f' : byte);
  }
  return asya_written(text);
}

#endif
