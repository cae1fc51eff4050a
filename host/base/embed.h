/* Files carried inside the program: EMBED(name, "path") makes name_start and name_end.
 * Keep the build's list of embedded files (candy_embeds in CMakeLists.txt) in step. */
#ifndef CANDY_BASE_EMBED_H
#define CANDY_BASE_EMBED_H

#define EMBED(name, path)                                                                \
  __asm__(".section .rodata\n.balign 16\n"                                               \
          ".global " #name "_start\n" #name "_start:\n"                                  \
          ".incbin \"" path "\"\n"                                                       \
          ".global " #name "_end\n" #name "_end:\n.byte 0\n.previous\n");                \
  extern const char name##_start[];                                                      \
  extern const char name##_end[]

#endif
