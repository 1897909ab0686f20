from divprune_sym.explore.domain import read_domain as read_domain
from divprune_sym.explore.maps import Map as Map
from divprune_sym.explore.maps import explore as explore
from divprune_sym.explore.question import Question as Question
from divprune_sym.explore.question import read_question as read_question
