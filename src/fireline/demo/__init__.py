"""The demo: a real delay model on New York's flights of 2013, with a real bug deployed on a day in March."""
