/* Counts the words of a text and finds the longest one. */

#include "asya.h"

typedef struct {
  u32 words;
  asya_text longest;
} summary;

static int is_space(u8 byte) {
  return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\f' || byte == '\r';
}

/* In characters: all bytes but those that continue one. */
static u32 length_of(asya_text word) {
  u32 length = 0;
  for (u32 i = 0; i < word.length; i++) length += (word.at[i] & 0xc0) != 0x80;
  return length;
}

static summary summarize(asya_text text, u32 min_length) {
  summary result = {0, ASYA_TEXT("")};
  u32 most = 0;
  for (u32 i = 0; i < text.length;) {
    u32 start = i;
    while (i < text.length && !is_space(text.at[i])) i++;
    asya_text word = {text.at + start, i - start};
    i++;
    u32 length = length_of(word);
    if (length == 0 || length < min_length) continue;
    result.words++;
    if (length > most) {
      most = length;
      result.longest = word;
    }
  }
  return result;
}

static u32 number_of(asya_text digits, u32 fallback) {
  u32 number = 0;
  for (u32 i = 0; i < digits.length; i++) {
    if (digits.at[i] < '0' || digits.at[i] > '9' || i == 9) return fallback;
    number = number * 10 + (digits.at[i] - '0');
  }
  return digits.length > 0 ? number : fallback;
}

ASYA_EXPORT(handle) int handle(void) {
  asya_text raw = asya_member(asya_input(), ASYA_TEXT("text"));
  asya_text text = asya_string(raw);
  if (text.at == 0) return asya_fail(ASYA_TEXT("ValueError"), ASYA_TEXT("text: a string is needed"));
  summary found = summarize(text, number_of(asya_config(ASYA_TEXT("min_length")), 1));

  asya_writer line = asya_write(32);
  asya_add_number(&line, found.words);
  asya_add(&line, ASYA_TEXT(" words"));
  asya_log(asya_written(line));

  asya_writer json = asya_write(raw.length + 6 * found.longest.length + 64);
  asya_add(&json, ASYA_TEXT("{\"text\":"));
  asya_add(&json, raw);
  asya_add(&json, ASYA_TEXT(",\"words\":"));
  asya_add_number(&json, found.words);
  asya_add(&json, ASYA_TEXT(",\"longest\":"));
  asya_add_string(&json, found.longest);
  asya_add_byte(&json, '}');
  return asya_output(asya_written(json));
}
