"""SQLAlchemy with pgvector-python: typed columns, index in the table's definition, distances as expressions.

python with_sqlalchemy.py [DSN]
"""

import numpy as np
import psycopg
from pgvector.sqlalchemy import BIT, HALFVEC, SPARSEVEC, VECTOR, avg
from sqlalchemy import Index, create_engine, func, inspect, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from sample import CATEGORIES, DIMENSIONS, DSN, check, finish, nearest, recall, rows


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "sqlalchemy_items"
    id: Mapped[int] = mapped_column(primary_key=True)
    category: Mapped[int]
    v = mapped_column(VECTOR(DIMENSIONS))
    h = mapped_column(HALFVEC(DIMENSIONS))
    s = mapped_column(SPARSEVEC(DIMENSIONS))
    b = mapped_column(BIT(DIMENSIONS))


# `create_engine("postgresql+psycopg://user@host/database")` does the same; a creator takes any connection string of libpq.
engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(DSN))
with engine.begin() as connection:
    connection.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
Base.metadata.drop_all(engine)
Base.metadata.create_all(engine)

vectors, categories, query = rows()
with Session(engine) as session:
    for number, (vector, category) in enumerate(zip(vectors, categories)):
        bits = "".join("1" if element > 0 else "0" for element in vector)
        session.add(
            Item(id=number, category=int(category), v=vector, h=vector, s=np.where(vector > 2, vector, 0), b=bits)
        )
    session.commit()
    # Made after the data was loaded: building is faster than inserting.
    index = Index(
        "sqlalchemy_items_v",
        Item.v,
        postgresql_using="hnsw",
        postgresql_with={"m": 16, "ef_construction": 64},
        postgresql_ops={"v": "vector_cosine_ops"},
    )
    index.create(engine)
    session.execute(text("ANALYZE sqlalchemy_items"))

    item = session.get(Item, 17)
    check(np.allclose(item.v, vectors[17]), "a vector comes back as it was")
    check(np.allclose(item.h, vectors[17].astype(np.float16)), "a halfvec too")
    check(np.allclose(item.s.to_list(), np.where(vectors[17] > 2, vectors[17], 0)), "a sparsevec too")

    session.execute(text("SET hnsw.ef_search = 100"))
    statement = select(Item.id).order_by(Item.v.cosine_distance(query)).limit(10)
    literal = statement.compile(engine, compile_kwargs={"literal_binds": True})
    plan = "\n".join(session.connection().exec_driver_sql(f"EXPLAIN {literal}").scalars())
    check("Index Scan using sqlalchemy_items_v" in plan, "through the index")
    found = list(session.scalars(statement))
    check(recall(found, nearest(vectors, query, "cosine")) >= 0.9, "the ten nearest by cosine distance")

    session.execute(text("SET hnsw.iterative_scan = strict_order"))
    found = list(
        session.scalars(select(Item.id).where(Item.category == 3).order_by(Item.v.cosine_distance(query)).limit(10))
    )
    members = np.flatnonzero(categories == 3)
    check(
        recall(found, members[nearest(vectors[members], query, "cosine")].tolist()) >= 0.9,
        "the ten nearest of a category",
    )

    nearer = session.scalar(select(func.count()).select_from(Item).where(Item.v.l2_distance(vectors[17]) < 0.001))
    check(nearer == 1, "rows within a distance")
    for name, distance in {
        "l2_distance": Item.h.l2_distance(vectors[17]),
        "max_inner_product": Item.v.max_inner_product(vectors[17]),
        "l1_distance": Item.v.l1_distance(vectors[17]),
        "hamming_distance": Item.b.hamming_distance("".join("1" if element > 0 else "0" for element in vectors[17])),
        "jaccard_distance": Item.b.jaccard_distance("".join("1" if element > 0 else "0" for element in vectors[17])),
    }.items():
        check(isinstance(session.scalar(select(distance).where(Item.id == 17)), float), f"{name} is a number")
    averages = session.execute(select(Item.category, avg(Item.v)).group_by(Item.category).order_by(Item.category)).all()
    check(
        len(averages) == CATEGORIES and np.allclose(averages[3][1], vectors[members].mean(axis=0), atol=1e-5),
        "avg of each category",
    )

columns = {column["name"]: str(column["type"]) for column in inspect(engine).get_columns("sqlalchemy_items")}
check(
    (columns["v"], columns["h"], columns["s"])
    == (f"VECTOR({DIMENSIONS})", f"HALFVEC({DIMENSIONS})", f"SPARSEVEC({DIMENSIONS})"),
    "reflection knows the types",
)
finish()
