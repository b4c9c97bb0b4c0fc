// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0
//
// A library to preload: types take long to register. GObject knows a new type by its name before its private data
// is added; a thread that uses it in between reads and writes beside it.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <glib-object.h>

gint g_type_add_instance_private(GType type, gsize size) {
  gint (*add)(GType, gsize) = dlsym(RTLD_NEXT, "g_type_add_instance_private");
  g_usleep(20 * 1000);
  return add(type, size);
}
