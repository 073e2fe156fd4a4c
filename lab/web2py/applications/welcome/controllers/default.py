def index():
    """A page with a form whose entries are stored."""
    form = SQLFORM(db.thing)
    if form.process(session=None, formname="thing").accepted:
        response.flash = "stored"
    return dict(form=form, things=db(db.thing).select(orderby=db.thing.id))


def visits():
    session.visits = (session.visits or 0) + 1
    return "visit %d" % session.visits
