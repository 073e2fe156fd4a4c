import gluon.main

application = gluon.main.wsgibase
