"""The Python client: `Client` has a typed method for each operation of `operations.graphql`."""

from clients.python.operations import Client
from clients.python.transport import Refused, ServiceError, expected

__all__ = ["Client", "Refused", "ServiceError", "expected"]
