#![cfg_attr(fuzzing, no_main)]

looplet_fuzz::target!(queue);
