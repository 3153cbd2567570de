"""Django with pgvector-python: fields, indexes and migrations, distances in queries.

    python with_django.py [DSN]

One file instead of a project: settings, models and the migration follow each other.
"""

import os

import django
import numpy as np
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

from sample import CATEGORIES, DIMENSIONS, DSN, check, finish, nearest, recall, rows

info = conninfo_to_dict(DSN)
settings.configure(
    INSTALLED_APPS=["django.contrib.postgres"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": info.get("dbname") or os.environ["PGDATABASE"],
            "HOST": info.get("host", ""),
            "PORT": info.get("port", ""),
            "USER": info.get("user", ""),
            "PASSWORD": info.get("password", ""),
        }
    },
)
django.setup()

from django.db import connection, models  # noqa: E402
from django.db.migrations.state import ProjectState  # noqa: E402
from django.db.models import Avg  # noqa: E402
from pgvector.django import (
    BitField,
    CosineDistance,
    HalfVectorField,
    HnswIndex,
    L2Distance,
    SparseVectorField,
    VectorExtension,
    VectorField,
)  # noqa: E402
from pgvector import SparseVector  # noqa: E402


class Item(models.Model):
    category = models.IntegerField()
    v = VectorField(dimensions=DIMENSIONS)
    h = HalfVectorField(dimensions=DIMENSIONS)
    s = SparseVectorField(dimensions=DIMENSIONS)
    b = BitField(length=DIMENSIONS)

    class Meta:
        app_label = "shop"
        db_table = "django_items"


# In a project: Meta.indexes, or AddIndex in a migration of its own, after the data was loaded: building is faster than inserting.
INDEXES = [
    HnswIndex(name="django_items_v", fields=["v"], m=16, ef_construction=64, opclasses=["vector_cosine_ops"]),
    HnswIndex(name="django_items_h", fields=["h"], opclasses=["halfvec_l2_ops"]),
]


def migrate(operation, forwards=True):
    """What `manage.py migrate` does with an operation of a migration."""
    run = operation.database_forwards if forwards else operation.database_backwards
    with connection.schema_editor() as editor:
        run("shop", editor, ProjectState(), ProjectState())


# In a project: operations = [VectorExtension(), ...] in the first migration.
migrate(VectorExtension())
with connection.cursor() as cursor:
    cursor.execute("DROP TABLE IF EXISTS django_items")
with connection.schema_editor() as editor:
    editor.create_model(Item)

vectors, categories, query = rows()
Item.objects.bulk_create(
    Item(
        id=number,
        category=int(category),
        v=vector,
        h=vector,
        s=SparseVector({number % DIMENSIONS: 1.5}, DIMENSIONS),
        b="".join("1" if element > 0 else "0" for element in vector),
    )
    for number, (vector, category) in enumerate(zip(vectors, categories))
)
with connection.schema_editor() as editor:
    for index in INDEXES:
        editor.add_index(Item, index)
with connection.cursor() as cursor:
    cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'django_items_v'")
    definition = cursor.fetchone()[0]
    check(
        "USING hnsw (v vector_cosine_ops) WITH (m='16', ef_construction='64')" in definition,
        "the index is as the model says",
    )
    cursor.execute("ANALYZE django_items")
    cursor.execute("SET hnsw.ef_search = 100")

item = Item.objects.get(id=17)
check(np.allclose(item.v, vectors[17]), "a vector comes back as it was")
check(np.allclose(item.h, vectors[17].astype(np.float16)), "a halfvec too")
check(item.s.indices() == [17], "a sparsevec too")

queryset = Item.objects.order_by(CosineDistance("v", query)).values_list("id", flat=True)[:10]
check("Index Scan using django_items_v" in queryset.explain(), "through the index of vectors")
check(recall(list(queryset), nearest(vectors, query, "cosine")) >= 0.9, "the ten nearest by cosine distance")
queryset = Item.objects.order_by(L2Distance("h", query)).values_list("id", flat=True)[:10]
check("Index Scan using django_items_h" in queryset.explain(), "through the index of halves")
check(recall(list(queryset), nearest(vectors, query, "l2")) >= 0.9, "the ten nearest by L2 distance")

with connection.cursor() as cursor:
    cursor.execute("SET hnsw.iterative_scan = strict_order")
members = np.flatnonzero(categories == 3)
found = list(Item.objects.filter(category=3).order_by(CosineDistance("v", query)).values_list("id", flat=True)[:10])
check(
    recall(found, members[nearest(vectors[members], query, "cosine")].tolist()) >= 0.9, "the ten nearest of a category"
)
near = Item.objects.alias(distance=L2Distance("v", vectors[17])).filter(distance__lt=0.001)
check([item.id for item in near] == [17], "rows within a distance")
averages = Item.objects.values("category").annotate(center=Avg("v")).order_by("category")
check(
    len(averages) == CATEGORIES and np.allclose(averages[3]["center"], vectors[members].mean(axis=0), atol=1e-5),
    "avg of each category",
)

# Undoing the first migration drops the name `vector` only: the table of this example stays.
migrate(VectorExtension(), forwards=False)
check(Item.objects.count() == len(vectors), "the reverse migration of the extension leaves the rows")
migrate(VectorExtension())
finish()
