/* links: base store
 *
 * The conformance suite of the store, over its interface alone: whatever backend passes
 * it can carry the queue.
 *
 *   store BACKEND FOLDER [CASE]     TAP on standard output; exit code 1 when a case fails
 *
 * BACKEND is "sqlite", or one that is wrong on purpose, to show that the suite sees it.
 * Each case runs in a process and a folder of its own.
 */
#include "store/harness.h"

#include "store/cases_again.h"
#include "store/cases_cancel.h"
#include "store/cases_control.h"
#include "store/cases_finish.h"
#include "store/cases_gates.h"
#include "store/cases_gates_random.h"
#include "store/cases_graph.h"
#include "store/cases_life.h"
#include "store/cases_limits.h"
#include "store/cases_line.h"
#include "store/cases_lock.h"
#include "store/cases_logs.h"
#include "store/cases_look.h"
#include "store/cases_meet.h"
#include "store/cases_queue.h"
#include "store/cases_script.h"
#include "store/cases_tx.h"
#include "store/cases_unique.h"
#include "store/sqlite_sql.h"

#include <signal.h>

#define CASE_SECONDS 60

static const struct {
  const char *name, *url;
  const char *query, *instead; /* a query with another text */
} backends[] = {
    {"sqlite", "sqlite:", NULL, NULL},
    {"sqlite-without-fence", "sqlite:", "fence",
     "select queue, priority, turn, seq, retry_count, rescues, claimed_at, type, key, "
     "batch from candy_running where id = ?1 and ?2 > 0"},
    {"sqlite-forgets-at-recovery", "sqlite:", "recover_ready",
     "insert into candy_ready select queue, priority, turn, seq, id, lease, retry_count, "
     "rescues, ?1, 0 from candy_running where not once and id % 2 = 0"},
    {"sqlite-loses-blocked", "sqlite:", "blocked_first",
     "select queue, priority, turn, seq, id, lease, retry_count, rescues, held "
     "from candy_blocked where kind = ?1 and scope = ?2 and key = ?3 limit ?4 - 4990"},
    {"sqlite-waits-for-one-only", "sqlite:", "pending_last",
     "delete from candy_pending where id = ?1 returning queue, priority, turn, seq, "
     "lease, "
     "retry_count, rescues, held, run_at, delay"},
    {"sqlite-forgets-children-early", "sqlite:", "child_kept",
     "select 1 where ?1 > ?2 + ?1"},
    {"sqlite-lets-all-go", "sqlite:", "batch_jobs",
     "select id from candy_job where batch = ?1 and id > ?2 and ?3 > 0 order by id limit "
     "9"},
    {"sqlite-claims-twice", "sqlite:", "ready_take",
     "delete from candy_ready where queue = ?1 and priority = ?2 and turn = ?3 and "
     "seq >= ?4 and seq < ?5"},
    {"sqlite-forgets-who-was-told", "sqlite:", "cancel_get",
     "select lease, state, reason from candy_cancel where id = ?1 and 0"},
    {"sqlite-forgets-the-same", "sqlite:", "unique_get",
     "select 0, null from candy_unique where hash = ?1"},
    {"sqlite-gives-locks-to-the-last", "sqlite:", "lock_give",
     "update candy_lock set held = 1, due = ?3 + ttl_ms where token = (select "
     "max(token) from candy_lock where workspace = ?1 and name = ?2) and not held "
     "returning token, due"},
    {"sqlite-keeps-ended-leases", "sqlite:", "lock_due",
     "select token from candy_lock where due <= ?1 and not held order by due limit ?2"},
    {"sqlite-forgets-slots", "sqlite:", "count_running", "select 0, 0, '', 0 where 0"},
    {"sqlite-forgets-order", "sqlite:", "count_scheduled", "select 0, 0, '', 0 where 0"},
    {"sqlite-forgets-starts", "sqlite:", "starts", "select 0, 0, '', 0, 0 where 0"},
    {"sqlite-keeps-what-was-taken-back", "sqlite:", "rollback", "commit"},
};

#define CASE(name)                                                                       \
  {                                                                                      \
#name, name                                                                          \
  }

static const struct {
  const char *name;
  void (*run)(void);
} cases[] = {
    CASE(order),
    CASE(priority),
    CASE(delays),
    CASE(next_due),
    CASE(release_keeps_its_place),
    CASE(rescue_is_counted_apart),
    CASE(snooze_counts_nothing),
    CASE(queues_are_fair),
    CASE(queues_take_turns),
    CASE(unknown_types_are_set_aside),
    CASE(recovery),
    CASE(a_paused_job_gives_its_slot_to_one_before_it),
    CASE(edits_of_pending_jobs_in_order),
    CASE(a_pending_job_that_ages_keeps_its_priority),
    CASE(a_fan_that_was_cancelled_and_runs_again),
    CASE(a_deadline_that_passes_wakes_who_waits),
    CASE(a_paused_queue_leaves_slots_to_others),
    CASE(rate_of_jobs_that_end_before_they_begin),
    CASE(rate_of_jobs_given_back_after_they_began),
    CASE(limit_of_a_task),
    CASE(limit_of_a_key),
    CASE(limit_of_a_queue),
    CASE(limit_of_a_key_in_a_queue),
    CASE(limits_together),
    CASE(slots_survive),
    CASE(limits_change),
    CASE(limits_and_failures),
    CASE(many_behind_one_key),
    CASE(rate_of_a_task),
    CASE(rate_of_a_key_and_of_a_queue),
    CASE(rate_of_released_jobs),
    CASE(strict_order_by_key),
    CASE(strict_order_of_a_queue),
    CASE(keys_take_turns),
    CASE(keys_have_weights),
    CASE(waiting_makes_urgent),
    CASE(any_order_of_events),
    CASE(stale_leases_do_nothing),
    CASE(one_turn_one_finish),
    CASE(retries_keep_their_history),
    CASE(a_delayed_retry_waits),
    CASE(the_dead),
    CASE(bulk_over_many_turns),
    CASE(waiting_jobs_are_cancelled),
    CASE(running_jobs_are_told),
    CASE(told_jobs_end_with_their_claim),
    CASE(what_was_done_is_completed),
    CASE(a_refused_completion_is_still_told),
    CASE(cancel_races),
    CASE(cancelled_jobs_run_again_by_hand),
    CASE(recovery_of_told_jobs),
    CASE(many_are_cancelled),
    CASE(counts_before_bulk_operations),
    CASE(deadlines_of_waiting_jobs),
    CASE(deadlines_of_running_jobs),
    CASE(deadlines_that_were_kept),
    CASE(deadlines_of_jobs_retried_by_hand),
    CASE(many_deadlines),
    CASE(paused_queues),
    CASE(paused_tasks),
    CASE(many_paused),
    CASE(edits),
    CASE(edits_of_scheduled_jobs),
    CASE(edits_come_too_late),
    CASE(what_people_did),
    CASE(effects_come_with_the_finish),
    CASE(a_failing_write_is_refused),
    CASE(a_slow_write_is_refused),
    CASE(a_write_that_rolls_back_is_refused),
    CASE(stale_finishes_have_no_effects),
    CASE(progress_and_checkpoints),
    CASE(progress_just_before_a_finish),
    CASE(payloads_stay_as_they_came),
    CASE(a_job_in_full),
    CASE(lists_by_state),
    CASE(lists_by_filter),
    CASE(search_sees_errors),
    CASE(pages),
    CASE(retention),
    CASE(ids_are_never_reused),
    CASE(sql_in_and_out),
    CASE(sql_errors),
    CASE(sql_that_is_forbidden),
    CASE(sql_budgets),
    CASE(a_slow_statement_fails_alone),
    CASE(functions_of_sql),
    CASE(calls_that_would_take_long),
    CASE(memory_has_an_end),
    CASE(memory_of_writes),
    CASE(no_row_id_left),
    CASE(slow_writes_let_others_pass),
    CASE(claims_have_an_end_in_bytes),
    CASE(bulk_over_large_payloads),
    CASE(names_of_the_database),
    CASE(json_tables),
    CASE(statements_that_declare),
    CASE(a_slow_step),
    CASE(completed_jobs_have_no_error),
    CASE(retention_of_many),
    CASE(schemas),
    CASE(schemas_that_fail),
    CASE(values_by_key),
    CASE(values_that_count),
    CASE(values_with_versions),
    CASE(values_that_expire),
    CASE(values_that_count_for_a_time),
    CASE(values_in_lists),
    CASE(values_in_pages),
    CASE(api_keys),
    CASE(a_lock_has_one_holder),
    CASE(locks_of_workspaces_are_apart),
    CASE(locks_come_in_order_of_arrival),
    CASE(locks_left_together),
    CASE(leases_end),
    CASE(an_ended_lease_goes_to_the_next),
    CASE(an_extended_lease_counts_from_now),
    CASE(patience_ends),
    CASE(patience_and_lease_end_together),
    CASE(a_line_has_an_end),
    CASE(many_are_due_at_once),
    CASE(locks_in_one_turn),
    CASE(locks_after_a_restart),
    CASE(scripts_leave_locks_alone),
    CASE(a_transaction_is_kept_whole),
    CASE(a_transaction_is_taken_back),
    CASE(a_failure_ends_a_transaction),
    CASE(a_transaction_checks_its_references),
    CASE(a_silent_transaction_ends),
    CASE(a_talkative_transaction_ends),
    CASE(a_transaction_needs_the_lease),
    CASE(transactions_add_up),
    CASE(death_in_a_transaction),
    CASE(closing_ends_transactions),
    CASE(all_or_none),
    CASE(failures_stay_alone),
    CASE(done_comes_in_order),
    CASE(reopening_keeps_everything),
    CASE(closing_finishes_what_was_submitted),
    CASE(a_log_line_in_full),
    CASE(log_lines_without_message),
    CASE(log_filters),
    CASE(log_search),
    CASE(log_search_texts),
    CASE(log_search_in_pages),
    CASE(log_scan_has_an_end),
    CASE(log_pages),
    CASE(log_context),
    CASE(log_retention),
    CASE(log_lines_that_are_large),
    CASE(log_words_that_are_damaged),
    CASE(scripts_leave_the_log_alone),
    CASE(log_watches),
    CASE(traces),
    CASE(jobs_wait_for_others),
    CASE(a_waiting_job_keeps_its_place),
    CASE(what_has_ended_counts),
    CASE(delays_begin_behind_dependencies),
    CASE(a_list_that_is_a_graph),
    CASE(a_long_line_is_cancelled),
    CASE(many_wait_for_one),
    CASE(lost_jobs_cancel_what_waits),
    CASE(a_batch_and_what_follows_it),
    CASE(an_empty_batch_has_ended),
    CASE(jobs_join_their_batch),
    CASE(refused_finishes_are_not_counted),
    CASE(a_batch_lets_go_so_many),
    CASE(a_batch_is_cancelled),
    CASE(lists_of_batches),
    CASE(a_parent_waits_for_its_children),
    CASE(children_run_so_many_at_once),
    CASE(no_children_at_all),
    CASE(a_dead_child_fails_the_fan),
    CASE(children_wait_for_each_other_only),
    CASE(fans_within_fans),
    CASE(children_are_cancelled_with_their_parent),
    CASE(children_survive_a_restart),
    CASE(retention_of_batches),
    CASE(a_held_job_that_is_retried_is_held),
    CASE(a_job_whose_turn_has_passed_is_retried),
    CASE(a_cancelled_batch_whose_jobs_are_retried),
    CASE(children_that_are_retried_after_a_death),
    CASE(children_left_by_a_stop),
    CASE(retried_jobs_survive_a_stop),
    CASE(lowered_limits_hold_after_a_restart),
    CASE(a_queue_that_is_strict_from_now_on),
    CASE(slots_of_those_who_wait_are_lowered),
    CASE(a_job_that_comes_back_to_a_rate),
    CASE(a_job_that_comes_back_to_the_rate_of_its_key),
    CASE(a_task_that_rests_again_at_once),
    CASE(order_over_a_pause),
    CASE(a_start_taken_back_at_a_recovery),
    CASE(children_stay_for_their_parent),
    CASE(a_parent_that_is_retried_before_all_is_told),
    CASE(a_purge_passes_by_what_stays),
    CASE(strict_order_behind_a_rate),
    CASE(strict_order_behind_a_rate_that_one_leaves),
    CASE(strict_order_with_a_rate_in_a_fair_queue),
    CASE(strict_order_in_a_fair_queue),
    CASE(strict_order_in_a_fair_queue_with_other_limits),
    CASE(order_behind_a_rate_after_a_restart),
    CASE(order_behind_a_rate_over_a_pause),
    CASE(order_behind_a_rate_that_is_taken_away),
    CASE(order_behind_a_rate_that_is_raised),
    CASE(order_behind_a_rate_of_a_paused_queue),
    CASE(order_behind_a_rate_and_others),
    CASE(a_line_in_retry_with_other_limits),
    CASE(a_line_whose_first_goes_away),
    CASE(order_behind_a_rate_of_a_long_line),
    CASE(order_behind_one_that_comes_late),
    CASE(a_line_has_one_slot_of_its_key),
    CASE(a_line_among_others_with_a_slot),
    CASE(a_line_among_others_in_order),
    CASE(a_task_that_is_strict_from_now_on),
    CASE(many_of_a_task_that_is_strict_from_now_on),
    CASE(a_queue_that_is_strict_while_a_task_rests),
    CASE(a_kept_place_when_something_else_is_changed),
    CASE(the_turn_of_a_fair_queue_after_a_restart),
    CASE(twenty_thousand),
    CASE(backup_while_writing),
    CASE(the_same_job_is_the_answer),
    CASE(the_same_job_after_its_end),
    CASE(states_that_count),
    CASE(a_window_of_sameness),
    CASE(the_same_jobs_in_bulk),
    CASE(the_same_job_of_what_was_refused),
    CASE(children_that_are_the_same),
    CASE(a_debounced_job),
    CASE(a_debounced_job_has_an_end),
    CASE(a_debounced_job_that_came_due),
    CASE(a_debounced_job_that_began),
    CASE(a_job_that_supersedes),
    CASE(a_parent_that_its_child_supersedes),
    CASE(a_job_that_supersedes_the_queued),
    CASE(forgotten_jobs_are_not_the_same),
    CASE(sudden_death),
};

#define CASES (sizeof cases / sizeof cases[0])

static int use_backend(const char *name)
{
  for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++) {
    if (strcmp(backends[i].name, name) != 0)
      continue;
    store_url = backends[i].url;
    if (backends[i].query)
      sqlite__override(backends[i].query, backends[i].instead);
    return 0;
  }
  return -1;
}

static void run_here(size_t i, const char *folder)
{
  alarm(CASE_SECONDS);
  loop = uv_default_loop();
  char *own = mem_printf("%s/%s", folder, cases[i].name);
  if (mkdir(own, 0700) < 0)
    check_failed(own, 0, "a folder of its own");
  store_folder = own;
  open_store();
  cases[i].run();
  CHECK(!fatal_seen);
  close_store();
  uv_loop_close(loop);
  free(own);
}

/* Returns true when the case passes. */
static bool run_apart(size_t i, const char *folder)
{
  int status = 0;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    run_here(i, folder);
    exit(0);
  }
  waitpid(pid, &status, 0);
  if (WIFSIGNALED(status))
    printf("# ended by signal %d\n", WTERMSIG(status));
  return status == 0;
}

int main(int argc, char **argv)
{
  int failures = 0;
  if (argc < 3 || use_backend(argv[1]) < 0) {
    fprintf(stderr, "usage: store BACKEND FOLDER [CASE]\n");
    return 2;
  }
  printf("1..%zu\n", argc > 3 ? 1 : CASES);
  for (size_t i = 0; i < CASES; i++) {
    if (argc > 3 && strcmp(argv[3], cases[i].name) != 0)
      continue;
    bool ok = run_apart(i, argv[2]);
    printf("%s %zu - %s\n", ok ? "ok" : "not ok", i + 1, cases[i].name);
    failures += !ok;
  }
  return failures > 0;
}
