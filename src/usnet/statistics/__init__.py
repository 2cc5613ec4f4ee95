"""Pure statistics on arrays: numpy and scipy, no images, no torch. One topic a file."""
