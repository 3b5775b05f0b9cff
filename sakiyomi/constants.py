"""Constants of nature."""

GRAVITY_MPS2 = 9.81
