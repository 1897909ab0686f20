from divprune_sym.sweeps.axes import AXES as AXES
from divprune_sym.sweeps.axes import Axis as Axis
from divprune_sym.sweeps.folder import Sweep as Sweep
from divprune_sym.sweeps.folder import open_sweep as open_sweep
from divprune_sym.sweeps.grid import Grid as Grid
from divprune_sym.sweeps.grid import read_grid as read_grid
from divprune_sym.sweeps.run import sweep as sweep
