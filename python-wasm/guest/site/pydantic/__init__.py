"""The sandbox's stand-in for pydantic 2: its common surface, in pure Python.

What it covers and what it does not is in docs/pydantic.md. What it does not cover raises.
"""

from . import alias_generators, dataclasses
from ._dump import PydanticSerializationError
from ._failures import ValidationError
from ._state import ValidationInfo
from .aliases import AliasChoices, AliasGenerator
from .config import ConfigDict, with_config
from .errors import (
    PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUndefinedAnnotation,
    PydanticUserError,
)  # fmt: skip
from .fields import Field, PrivateAttr, computed_field
from .functional_serializers import (
    FieldSerializationInfo, PlainSerializer, SerializationInfo, SerializeAsAny,
    SerializerFunctionWrapHandler, WrapSerializer, field_serializer, model_serializer,
)  # fmt: skip
from .functional_validators import (
    AfterValidator, BeforeValidator, FieldValidationInfo, InstanceOf, ModelWrapValidatorHandler,
    PlainValidator, SkipValidation, ValidatorFunctionWrapHandler, WrapValidator, field_validator,
    model_validator,
)  # fmt: skip
from .json_schema import WithJsonSchema
from ._create import create_model
from .main import BaseModel
from .root_model import RootModel
from .type_adapter import TypeAdapter
from .types import *  # noqa: F403
from .types import __all__ as _types
from .validate_call_decorator import validate_call
from .version import VERSION, __version__

__all__ = (
    *_types,
    "alias_generators", "dataclasses", "PydanticSerializationError", "ValidationError",
    "ValidationInfo", "AliasChoices", "AliasGenerator",
    "ConfigDict", "with_config", "PydanticInvalidForJsonSchema",
    "PydanticSchemaGenerationError", "PydanticUndefinedAnnotation", "PydanticUserError", "Field",
    "PrivateAttr", "computed_field", "FieldSerializationInfo", "PlainSerializer",
    "SerializationInfo", "SerializeAsAny", "SerializerFunctionWrapHandler", "WrapSerializer",
    "field_serializer", "model_serializer", "AfterValidator", "BeforeValidator",
    "FieldValidationInfo", "InstanceOf", "ModelWrapValidatorHandler", "PlainValidator",
    "SkipValidation", "ValidatorFunctionWrapHandler", "WrapValidator", "field_validator",
    "model_validator", "WithJsonSchema", "BaseModel", "create_model", "RootModel", "TypeAdapter",
    "validate_call", "VERSION", "__version__",
)  # fmt: skip

# Names of pydantic's that the stand-in leaves out, so that importing one says so.
_LEFT_OUT = frozenset(
    "AliasPath AmqpDsn AnyHttpUrl AnyUrl AnyWebsocketUrl Base64Bytes Base64Encoder Base64Str "
    "Base64UrlBytes Base64UrlStr ByteSize ClickHouseDsn CockroachDsn EmailStr EncodedBytes "
    "EncodedStr EncoderProtocol FileUrl FtpUrl GenerateSchema GetCoreSchemaHandler "
    "GetJsonSchemaHandler GetPydanticSchema HttpUrl IPvAnyAddress IPvAnyInterface IPvAnyNetwork "
    "ImportString JsonValue KafkaDsn MariaDBDsn MongoDsn MySQLDsn NameEmail NatsDsn OnErrorOmit "
    "PaymentCardNumber PostgresDsn PydanticDeprecatedSince20 PydanticErrorCodes "
    "PydanticExperimentalWarning PydanticForbiddenQualifier PydanticImportError RedisDsn Secret "
    "SecretBytes SecretStr SnowflakeDsn SocketPath UrlConstraints UUID6 UUID7 UUID8 "
    "ValidateAs WebsocketUrl Extra BaseConfig root_validator validator parse_obj_as schema_of "
    "schema_json_of validate_email".split()
)


def __getattr__(name):
    if name in _LEFT_OUT:
        raise ImportError(
            f"pydantic.{name} is not supported: the sandbox carries a stand-in for pydantic, "
            "whose limits are listed in docs/pydantic.md"
        )
    raise AttributeError(f"module 'pydantic' has no attribute {name!r}")
