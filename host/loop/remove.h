/* Removing a folder with all that is in it. It blocks: for threads that may. */
#ifndef CANDY_LOOP_REMOVE_H
#define CANDY_LOOP_REMOVE_H

/* What is not there counts as removed. Returns -1 with errno when something stays. */
int remove_tree(const char *path);

#endif
