from divprune_sym.simulate.network import Network as Network
from divprune_sym.simulate.network import random_network as random_network
from divprune_sym.simulate.sgd import Diverged as Diverged
from divprune_sym.simulate.sgd import Training as Training
from divprune_sym.simulate.sgd import Trajectory as Trajectory
from divprune_sym.simulate.sgd import train as train
from divprune_sym.simulate.sgd import train_replicas as train_replicas
