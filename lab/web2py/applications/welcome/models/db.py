db = DAL("sqlite://storage.sqlite")
db.define_table("thing", Field("name", requires=IS_NOT_EMPTY()))
