"""What `bench/detect.py` is made of: simulated services, the scenes, the peers, and the tables."""
