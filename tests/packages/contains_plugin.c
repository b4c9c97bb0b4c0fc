// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

// Runs the pipeline of its arguments, with the plugin in the program itself.
#include <gst/gst.h>

GST_PLUGIN_STATIC_DECLARE(overshoot);

int main(int argc, char **argv) {
    gst_init(&argc, &argv);
    GST_PLUGIN_STATIC_REGISTER(overshoot);
    GError *error = NULL;
    GstElement *pipeline = gst_parse_launchv((const gchar **)argv + 1, &error);
    if (pipeline == NULL) g_error("%s", error->message);
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    GstBus *bus = gst_element_get_bus(pipeline);
    GstMessage *end = gst_bus_timed_pop_filtered(bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    return GST_MESSAGE_TYPE(end) == GST_MESSAGE_EOS ? 0 : 1;
}
