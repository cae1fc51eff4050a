/* Which generation gets how many seats: the current one and the next one as many workers
 * as they need, old ones what they have until their last job has ended. */
#include "worker/pool_.h"

#include "base/json.h"

/* ---- counting ---- */

static int wanted(const struct generation *g)
{
  bool one = g->state == GENERATION_LOADING || g->state == GENERATION_APPLYING ||
             !g->pool->current;
  return one ? 1 : g->pool->config.workers;
}

int staff__count(const struct generation *g, enum worker_state state)
{
  int n = 0;
  for (int i = 0; i < g->pool->n_seats; i++)
    n += g->pool->seats[i].generation == g && g->pool->seats[i].state == state;
  return n;
}

/* How many workers it lacks that take jobs, or will soon. */
static int lack(const struct generation *g)
{
  if (!g)
    return 0;
  return wanted(g) - staff__count(g, WORKER_LOADING) - staff__count(g, WORKER_WAITING) -
         staff__count(g, WORKER_READY);
}

struct generation *staff__lacking(const struct pool *p)
{
  if (lack(p->current) > 0)
    return p->current;
  return lack(p->next) > 0 ? p->next : NULL;
}

/* ---- seats ---- */

static bool is_due(const struct worker *w)
{
  return uv_is_active((const uv_handle_t *)&w->restart);
}

static int count_due(const struct pool *p)
{
  int n = 0;
  for (int i = 0; i < p->n_seats; i++)
    n += is_due(&p->seats[i]);
  return n;
}

static struct worker *free_seat(struct pool *p)
{
  for (int i = 0; i < p->n_seats; i++)
    if (p->seats[i].state == WORKER_DOWN && !is_due(&p->seats[i]))
      return &p->seats[i];
  return NULL;
}

/* Whom it harms least to end: of the oldest generation, with the fewest jobs. */
static bool goes_before(const struct worker *a, const struct worker *b)
{
  if (!b || a->number != b->number)
    return !b || a->number < b->number;
  return a->n_open < b->n_open;
}

/* Ends a worker that has been leaving already; its jobs are rescued. Its seat is filled
 * when it has gone. */
static void make_room(struct pool *p)
{
  struct worker *chosen = NULL;
  for (int i = 0; i < p->n_seats; i++) {
    struct worker *w = &p->seats[i];
    if (w->process && process_killed(w->process))
      return;
    if (w->state == WORKER_LEAVING && goes_before(w, chosen))
      chosen = w;
  }
  if (chosen)
    process_kill(chosen->process,
                 "killed: it had been leaving, and others need its seat");
}

static bool fill(struct pool *p, struct generation *g, int *due)
{
  for (int missing = lack(g); missing > 0; missing--) {
    if (*due > 0) {
      --*due;
      continue;
    }
    struct worker *seat = free_seat(p);
    if (!seat)
      return false;
    worker__start(seat, g);
  }
  return true;
}

void staff__fill(struct pool *p)
{
  int due = count_due(p);
  if (p->state == POOL_STOPPING)
    return;
  if (!fill(p, p->current, &due) || !fill(p, p->next, &due))
    make_room(p);
}

/* ---- old generations ---- */

static int open_jobs(const struct generation *g)
{
  int n = 0;
  for (int i = 0; i < g->pool->n_seats; i++)
    if (g->pool->seats[i].generation == g)
      n += g->pool->seats[i].n_open;
  return n;
}

static bool has_workers(const struct generation *g)
{
  for (int i = 0; i < g->pool->n_seats; i++)
    if (g->pool->seats[i].generation == g)
      return true;
  return false;
}

/* Two newer ones are old already: what it still runs goes back, and runs again in the
 * current one. */
static void end(struct generation **generation)
{
  struct generation *g = *generation;
  int jobs = open_jobs(g);
  g->state = GENERATION_ENDED;
  if (jobs > 0)
    pool__log(g->pool, POOL_WARN,
              json_pack("{s:i, s:i}", "generation", g->number, "jobs", jobs),
              "generation %d of the scripts is ended, since two newer ones are finishing "
              "too: jobs that it still ran (%d) go back",
              g->number, jobs);
  for (int i = 0; i < g->pool->n_seats; i++)
    if (g->pool->seats[i].generation == g)
      worker__dismiss(&g->pool->seats[i], "ended: two newer generations are finishing");
  generation__let_go(generation);
}

static struct generation **place_of_old(struct pool *p)
{
  struct generation **oldest = &p->old[0];
  for (int i = 0; i < POOL_OLD; i++)
    if (!p->old[i] || open_jobs(p->old[i]) == 0)
      return &p->old[i];
    else if (p->old[i]->number < (*oldest)->number)
      oldest = &p->old[i];
  return oldest;
}

void staff__retire(struct generation *g)
{
  struct pool *p = g->pool;
  struct generation **place = place_of_old(p);
  if (*place)
    end(place);
  *place = g;
  g->state = GENERATION_OLD;
  for (int i = 0; i < p->n_seats; i++) {
    struct worker *w = &p->seats[i];
    if (w->generation == g && w->state == WORKER_LOADING)
      worker__dismiss(w, "its generation is an old one");
    else if (w->generation == g)
      worker__leave(w);
  }
  staff__gone(p);
}

void staff__gone(struct pool *p)
{
  for (int i = 0; i < POOL_OLD; i++)
    if (p->old[i] && !has_workers(p->old[i]))
      generation__let_go(&p->old[i]);
}
