"""What a program in Python does with a client made of the description, beside this file as `evercart_api`."""

import json
import sys

from evercart_api import AuthenticatedClient
from evercart_api.api.carts import list_carts
from evercart_api.api.devices import sync
from evercart_api.api.lines import add_line, run_commands
from evercart_api.api.products import list_products
from evercart_api.models import AddCommand, Customization, NewLine, Problem, ProblemCode, Products, RunCommandsBody, View

document = json.load(open(sys.argv[1]))
client = AuthenticatedClient(base_url="https://shop.example", token="..")
assert callable(sync.sync) and callable(list_carts.sync) and callable(run_commands.sync)

# An engraving of any shape; how many is not said, and so not sent.
engraving = Customization.from_dict({"engraving": {"text": "Ann", "at": [1, 2]}})
line = NewLine(sku="1095275", customization=engraving)
assert line.to_dict() == {"sku": "1095275", "customization": {"engraving": {"text": "Ann", "at": [1, 2]}}}, line.to_dict()
command = AddCommand(op="add", sku="1095275", customization=engraving)
assert RunCommandsBody(commands=[command]).to_dict()["commands"][0] == {"op": "add", **line.to_dict()}

# The examples are what the client reads.
responses = document["components"]["responses"]
view = View.from_dict(responses["View"]["content"]["application/json"]["example"])
assert view.lines[0].quantity == 2 and view.lines[0].customization is None
problem = Problem.from_dict(responses["422"]["content"]["application/problem+json"]["example"])
assert problem.code is ProblemCode.UNKNOWN_SKU
found = document["paths"]["/v1/products"]["get"]["responses"]["200"]["content"]["application/json"]["example"]
assert Products.from_dict(found).next_cursor is None

# And what it reads of an answer is that.
parsed = list_products._parse_response(client=client, response=type("Answer", (), {"status_code": 200, "json": lambda _: found})())
assert isinstance(parsed, Products) and parsed.products[0].sku == "1095275"
assert add_line._get_kwargs("current", body=line)["json"] == line.to_dict()
print("sample.py: as it should be")
