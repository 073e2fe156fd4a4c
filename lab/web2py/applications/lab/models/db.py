from gluon.tools import Auth

db = DAL("sqlite://storage.sqlite", lazy_tables=False)
db.define_table("note", Field("text", requires=IS_NOT_EMPTY()))
auth = Auth(db)
auth.define_tables(username=True)
if db(db.auth_user).isempty():
    db.auth_user.insert(username="ann", first_name="Ann", last_name="Lab", email="ann@example.org", password=db.auth_user.password.validate("secret")[0])
