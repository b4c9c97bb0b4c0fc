// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

// A program that ends early and leaves its elements behind (tests/it/early_ends.rs):
//     early_end HOW MILLISECONDS PIPELINE
// It starts the pipeline, and ends with status 7 after that time. HOW: "main" returns from main, "thread" calls exit
// in another thread, "frame" in the streaming thread, "answer" in a handler of the signal `result` (or after two
// seconds without an answer), "fork" also in a forked process, "prompt" without having started the pipeline. In "gone"
// and "stuck" a handler of `result` ends its thread or never returns, as in Python programs that end; then main returns.
// The element must not wait 5 s for that thread: if the end takes so long, the status is another.

#include <gst/gst.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS 7

static const char *how;
static gint64 end_at, ended_at;
static int ending;

// The first handler that is registered runs last.
static void check_time(void) {
  if (ended_at && g_get_monotonic_time() - ended_at > 4 * G_USEC_PER_SEC)
    _exit(STATUS + 1);
}

static void *end(void *data) {
  exit(STATUS);
}

// Two threads must not call exit at the same time.
static void wait_for_end(void) {
  g_usleep(60 * G_USEC_PER_SEC);
  abort();
}

static void on_result(GstElement *sink, GstStructure *result, void *data) {
  if (!strcmp(how, "gone") || !strcmp(how, "stuck"))
    g_atomic_int_set(&ending, 1);
  if (!strcmp(how, "gone"))
    pthread_exit(NULL);
  if (!strcmp(how, "stuck"))
    wait_for_end();
  if (!g_atomic_int_add(&ending, 1))
    exit(STATUS);
}

static GstPadProbeReturn on_frame(GstPad *pad, GstPadProbeInfo *info, void *data) {
  if (g_get_monotonic_time() >= end_at)
    exit(STATUS);
  return GST_PAD_PROBE_OK;
}

int main(int argc, char *argv[]) {
  atexit(check_time);
  gst_init(NULL, NULL);
  how = argv[1];
  gint64 wait = 1000 * atoi(argv[2]);
  GstElement *pipeline = gst_parse_launch(argv[3], NULL);
  GstElement *sink = gst_bin_get_by_name(GST_BIN(pipeline), "o");
  g_object_set(sink, "prompt", "What do you see?", NULL);
  end_at = g_get_monotonic_time() + wait;
  if (!strcmp(how, "answer") || !strcmp(how, "gone") || !strcmp(how, "stuck"))
    g_signal_connect(sink, "result", G_CALLBACK(on_result), NULL);
  if (!strcmp(how, "frame"))
    gst_pad_add_probe(gst_element_get_static_pad(sink, "sink"), GST_PAD_PROBE_TYPE_BUFFER, on_frame, NULL, NULL);
  if (strcmp(how, "prompt"))
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
  g_usleep(wait);
  if (!strcmp(how, "thread"))
    g_thread_new("end", end, NULL);
  if (!strcmp(how, "thread") || !strcmp(how, "frame"))
    wait_for_end();
  if (!strcmp(how, "answer")) {
    g_usleep(2 * G_USEC_PER_SEC);
    if (g_atomic_int_add(&ending, 1))
      wait_for_end();
  }
  if (!strcmp(how, "gone") || !strcmp(how, "stuck")) {
    while (!g_atomic_int_get(&ending))
      g_usleep(1000);
    ended_at = g_get_monotonic_time();
  }
  if (!strcmp(how, "fork")) {
    pid_t child = fork();
    if (child == 0)
      exit(STATUS);
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != STATUS)
      return 1;
  }
  return STATUS;
}
