/* SPDX-License-Identifier: MIT */
/*
 * Other names for the simulated store's functions, so that one program can hold it beside the real ones. local.mk includes
 * this file ahead of everything in fake_store.c and fake_purges.c.
 */
#ifndef TESTS_SIM_FAKED_NAMES_H
#define TESTS_SIM_FAKED_NAMES_H

#define store_answer_begin(...)  faked_answer_begin(__VA_ARGS__)
#define store_answer_end(...)    faked_answer_end(__VA_ARGS__)
#define store_answer_forget(...) faked_answer_forget(__VA_ARGS__)
#define store_apply(...)         faked_apply(__VA_ARGS__)
#define store_apply_claim(...)   faked_apply_claim(__VA_ARGS__)
#define store_barrier(...)       faked_barrier(__VA_ARGS__)
#define store_change(...)        faked_change(__VA_ARGS__)
#define store_get(...)           faked_get(__VA_ARGS__)
#define store_heartbeat(...)     faked_heartbeat(__VA_ARGS__)
#define store_insert(...)        faked_insert(__VA_ARGS__)
#define store_is_prepared(...)   faked_is_prepared(__VA_ARGS__)
#define store_kind(...)          faked_kind(__VA_ARGS__)
#define store_list(...)          faked_list(__VA_ARGS__)
#define store_load(...)          faked_load(__VA_ARGS__)
#define store_meta_get(...)      faked_meta_get(__VA_ARGS__)
#define store_meta_swap(...)     faked_meta_swap(__VA_ARGS__)
#define store_outbox_list(...)   faked_outbox_list(__VA_ARGS__)
#define store_outbox_put(...)    faked_outbox_put(__VA_ARGS__)
#define store_outbox_remove(...) faked_outbox_remove(__VA_ARGS__)
#define store_prepare(...)       faked_prepare(__VA_ARGS__)
#define store_purge_list(...)    faked_purge_list(__VA_ARGS__)
#define store_purge_put(...)     faked_purge_put(__VA_ARGS__)
#define store_purge_remove(...)  faked_purge_remove(__VA_ARGS__)
#define store_raise(...)         faked_raise(__VA_ARGS__)
#define store_slots_get(...)     faked_slots_get(__VA_ARGS__)
#define store_slots_swap(...)    faked_slots_swap(__VA_ARGS__)
#define store_survey(...)        faked_survey(__VA_ARGS__)
#define store_watermark(...)     faked_watermark(__VA_ARGS__)

#endif
