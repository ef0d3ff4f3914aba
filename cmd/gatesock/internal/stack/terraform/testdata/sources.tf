# gatesock template sha256=83e83527bb6574544621e5b135081f48531d19b1935272ff3e328f68e8a12b5f
# Made from the program. Change the program, or the options of the command, and make it again: the
# command does not overwrite a file that has been edited.
#
# Build the program and deploy it. Terraform asks for the variables that have no default; the Region
# and the credentials are those of the AWS CLI.
#
#    CGO_ENABLED=0 GOOS=linux GOARCH=amd64 go build -tags lambda.norpc -trimpath -o dist/bootstrap .
#    (cd dist && zip -q ../app.zip bootstrap)
#    terraform init
#    terraform apply

terraform {
  required_version = ">= 1.2"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.42"
    }
  }
}

# ---- Variables ----

variable "deployment_name" {
  description = "The name of the API, with which all other names begin: another one for each deployment."
  type        = string
  default     = "sources"
  nullable    = false

  validation {
    condition     = can(regex("^(?:[A-Za-z][A-Za-z0-9-]{0,53})$", var.deployment_name))
    error_message = "Choose a value that has the form [A-Za-z][A-Za-z0-9-]{0,53}."
  }
}

variable "zip_file" {
  description = "The zip file of the program, whose executable has the name bootstrap."
  type        = string
  default     = "app.zip"
  nullable    = false
}

variable "size" {
  description = "The variable SIZE of the program."
  type        = string
  default     = "10"
  nullable    = false
}

variable "version_setting" {
  description = "A name that has a meaning in modules."
  type        = string
  default     = ""
  nullable    = false
}

variable "topic_arn" {
  description = "The ARN of the topic whose events the program gets."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(?:arn:.+)$", var.topic_arn))
    error_message = "Choose a value that has the form arn:.+."
  }
}

variable "orders_table_stream_arn" {
  description = "The ARN of the stream of the table whose events the program gets."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(?:arn:.+)$", var.orders_table_stream_arn))
    error_message = "Choose a value that has the form arn:.+."
  }
}

variable "nightly_schedule_expression" {
  description = "When the schedule nightly is due."
  type        = string
  default     = "rate(5 minutes)"
  nullable    = false

  validation {
    condition     = can(regex("^(?:(rate|cron|at)\\(.+\\))$", var.nightly_schedule_expression))
    error_message = "Choose a value that has the form (rate|cron|at)\\(.+\\)."
  }
}

variable "hourly_schedule_expression" {
  description = "When the schedule hourly is due."
  type        = string
  default     = "rate(5 minutes)"
  nullable    = false

  validation {
    condition     = can(regex("^(?:(rate|cron|at)\\(.+\\))$", var.hourly_schedule_expression))
    error_message = "Choose a value that has the form (rate|cron|at)\\(.+\\)."
  }
}

variable "weekly_schedule_expression" {
  description = "When the schedule weekly is due."
  type        = string
  default     = "rate(5 minutes)"
  nullable    = false

  validation {
    condition     = can(regex("^(?:(rate|cron|at)\\(.+\\))$", var.weekly_schedule_expression))
    error_message = "Choose a value that has the form (rate|cron|at)\\(.+\\)."
  }
}

variable "monthly_schedule_expression" {
  description = "When the schedule monthly is due."
  type        = string
  default     = "rate(5 minutes)"
  nullable    = false

  validation {
    condition     = can(regex("^(?:(rate|cron|at)\\(.+\\))$", var.monthly_schedule_expression))
    error_message = "Choose a value that has the form (rate|cron|at)\\(.+\\)."
  }
}

variable "stage_name" {
  description = "The stage, which is the path of the URL."
  type        = string
  default     = "prod"
  nullable    = false

  validation {
    condition     = can(regex("^(?:[A-Za-z0-9_-]{1,128})$", var.stage_name))
    error_message = "Choose a value that has the form [A-Za-z0-9_-]{1,128}."
  }
}

variable "throttling_rate" {
  description = "Messages per second of all clients together, on one route."
  type        = number
  default     = 1000
  nullable    = false

  validation {
    condition     = var.throttling_rate >= 1 && var.throttling_rate <= 1000000 && floor(var.throttling_rate) == var.throttling_rate
    error_message = "Choose a value that is a whole number from 1 to 1000000."
  }
}

variable "throttling_burst" {
  description = "Messages at once, above which the rate counts."
  type        = number
  default     = 500
  nullable    = false

  validation {
    condition     = var.throttling_burst >= 1 && var.throttling_burst <= 1000000 && floor(var.throttling_burst) == var.throttling_burst
    error_message = "Choose a value that is a whole number from 1 to 1000000."
  }
}

variable "app_reserved_concurrency" {
  description = "How many invocations of the function app run at once, at most. 0 for no limit of its own."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.app_reserved_concurrency >= 0 && var.app_reserved_concurrency <= 100000 && floor(var.app_reserved_concurrency) == var.app_reserved_concurrency
    error_message = "Choose a value that is a whole number from 0 to 100000."
  }
}

variable "app_provisioned_concurrency" {
  description = "How many environments of the function app are kept ready. 0 for none."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.app_provisioned_concurrency >= 0 && var.app_provisioned_concurrency <= 100000 && floor(var.app_provisioned_concurrency) == var.app_provisioned_concurrency
    error_message = "Choose a value that is a whole number from 0 to 100000."
  }
}

variable "log_retention_days" {
  description = "How many days the logs are kept."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "Choose a value that is one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653."
  }
}

variable "account_log_role" {
  description = "true to create the role for access logs, which an account needs once in each Region."
  type        = bool
  default     = false
  nullable    = false
}

variable "domain_name" {
  description = "A domain of yours, such as ws.example.com. Empty for the domain of API Gateway only."
  type        = string
  default     = ""
  nullable    = false
}

variable "certificate_arn" {
  description = "The ARN of the certificate for the domain, which AWS Certificate Manager has."
  type        = string
  default     = ""
  nullable    = false
}

variable "alarm_email" {
  description = "The address that gets the notifications of alarms, once it has confirmed. Empty for none."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(?:([^@ ]+@[^@ ]+)?)$", var.alarm_email))
    error_message = "Choose a value that has the form ([^@ ]+@[^@ ]+)?."
  }
}

variable "alarm_latency" {
  description = "The milliseconds for which clients may wait for a function, before there is an alarm."
  type        = number
  default     = 2000
  nullable    = false

  validation {
    condition     = var.alarm_latency >= 1 && var.alarm_latency <= 1000000000 && floor(var.alarm_latency) == var.alarm_latency
    error_message = "Choose a value that is a whole number from 1 to 1000000000."
  }
}

variable "connect_quota" {
  description = "The account's quota of new connections per second of all WebSocket APIs in this Region (Service Quotas)."
  type        = number
  default     = 500
  nullable    = false

  validation {
    condition     = var.connect_quota >= 1 && var.connect_quota <= 1000000000 && floor(var.connect_quota) == var.connect_quota
    error_message = "Choose a value that is a whole number from 1 to 1000000000."
  }
}

variable "request_quota" {
  description = "The account's quota of requests per second of all APIs in this Region (Service Quotas). It is 2500 in some Regions."
  type        = number
  default     = 10000
  nullable    = false

  validation {
    condition     = var.request_quota >= 1 && var.request_quota <= 1000000000 && floor(var.request_quota) == var.request_quota
    error_message = "Choose a value that is a whole number from 1 to 1000000000."
  }
}

variable "concurrency_quota" {
  description = "The account's quota of concurrent executions of Lambda in this Region (Service Quotas). It is less in a new account."
  type        = number
  default     = 1000
  nullable    = false

  validation {
    condition     = var.concurrency_quota >= 1 && var.concurrency_quota <= 1000000000 && floor(var.concurrency_quota) == var.concurrency_quota
    error_message = "Choose a value that is a whole number from 1 to 1000000000."
  }
}

variable "daily_budget" {
  description = "The US dollars that a day may cost, before there is an alarm. 0 for no alarm."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.daily_budget >= 0 && var.daily_budget <= 1000000000 && floor(var.daily_budget) == var.daily_budget
    error_message = "Choose a value that is a whole number from 0 to 1000000000."
  }
}

# ---- Where it is deployed ----

data "aws_partition" "current" {}

data "aws_region" "current" {}

data "aws_caller_identity" "current" {}

# Where the program publishes to devices.
data "aws_iot_endpoint" "data" {
  endpoint_type = "iot:Data-ATS"
}

locals {
  host = "${aws_apigatewayv2_api.api.id}.execute-api.${data.aws_region.current.region}.${data.aws_partition.current.dns_suffix}"

  # The endpoint of @connections, by which programs post to clients.
  endpoint = "https://${local.host}/${var.stage_name}"
}

# ---- The API ----

resource "aws_apigatewayv2_api" "api" {
  name          = var.deployment_name
  description   = "sources, a WebSocket service made with gatesock."
  protocol_type = "WEBSOCKET"

  # The member of a message that names its route.
  route_selection_expression = "$request.body.type"

  # Clients may come by IPv6, and the source address of a client may be an IPv6 address.
  ip_address_type = "dualstack"
}

# The stage deploys each change of the API by itself, so there is no deployment that would have to
# be replaced together with the routes.
resource "aws_apigatewayv2_stage" "stage" {
  api_id      = aws_apigatewayv2_api.api.id
  name        = var.stage_name
  auto_deploy = true

  # Of each route, for all clients together. Far below the quota of an account (10,000 requests per
  # second in a Region), so that one route cannot take the whole of it.
  default_route_settings {
    throttling_rate_limit  = var.throttling_rate
    throttling_burst_limit = var.throttling_burst
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access_log.arn

    # One line of JSON, at most 3 KB. The code and the reason of a disconnection are not among its
    # variables: the function logs them for $disconnect.
    format = jsonencode({
      requestId           = "$context.requestId"
      requestTime         = "$context.requestTime"
      connectionId        = "$context.connectionId"
      connectedAt         = "$context.connectedAt"
      eventType           = "$context.eventType"
      routeKey            = "$context.routeKey"
      messageId           = "$context.messageId"
      status              = "$context.status"
      stage               = "$context.stage"
      sourceIp            = "$context.identity.sourceIp"
      userAgent           = "$context.identity.userAgent"
      principalId         = "$context.authorizer.principalId"
      authorizerStatus    = "$context.authorizer.status"
      authorizerLatency   = "$context.authorizer.latency"
      authorizerRequestId = "$context.authorizer.requestId"
      authorizerError     = "$context.authorizer.error"
      functionStatus      = "$context.integration.status"
      lambdaStatus        = "$context.integration.integrationStatus"
      integrationLatency  = "$context.integration.latency"
      functionRequestId   = "$context.integration.requestId"
      integrationError    = "$context.integration.error"
      error               = "$context.error.message"
      errorType           = "$context.error.responseType"
      validationError     = "$context.error.validationErrorString"
      wafStatus           = "$context.waf.status"
      wafLatency          = "$context.waf.latency"
      wafError            = "$context.waf.error"
    })
  }

  # Without the role for logs of the account, the stage fails.
  depends_on = [aws_api_gateway_account.account]
}

resource "aws_apigatewayv2_integration" "app" {
  api_id             = aws_apigatewayv2_api.api.id
  integration_type   = "AWS_PROXY"
  integration_method = "POST"
  integration_uri    = coalesce(one(aws_lambda_alias.app[*].invoke_arn), aws_lambda_function.app.invoke_arn)

  # If it switches between the function and its alias, the permission for the new one comes first.
  depends_on = [aws_lambda_permission.app_api]
}

# Only this stage of this API may invoke the function.
resource "aws_lambda_permission" "app_api" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.app.function_name
  qualifier     = one(aws_lambda_alias.app[*].name)
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.api.execution_arn}/${var.stage_name}/*"

  lifecycle {
    create_before_destroy = true
  }
}

# ---- The authorizer of $connect ----

# Its result is not cached: caching exists for HTTP and REST APIs only.
resource "aws_apigatewayv2_authorizer" "authorizer" {
  api_id          = aws_apigatewayv2_api.api.id
  name            = "authorizer"
  authorizer_type = "REQUEST"
  authorizer_uri  = coalesce(one(aws_lambda_alias.app[*].invoke_arn), aws_lambda_function.app.invoke_arn)

  # A handshake without one of these gets 401, and the function is not called.
  identity_sources = [
    "route.request.header.Authorization",
    "route.request.querystring.ticket",
  ]
}

resource "aws_lambda_permission" "authorizer" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.app.function_name
  qualifier     = one(aws_lambda_alias.app[*].name)
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.api.execution_arn}/authorizers/${aws_apigatewayv2_authorizer.authorizer.id}"

  lifecycle {
    create_before_destroy = true
  }
}

# ---- Routes ----
#
# A route that answers needs both a route_response_selection_expression and an
# aws_apigatewayv2_route_response with the key $default; without one of them API Gateway drops the
# answers (API Gateway Developer Guide, "Set up route responses for WebSocket APIs in API Gateway").

resource "aws_apigatewayv2_route" "connect" {
  api_id             = aws_apigatewayv2_api.api.id
  route_key          = "$connect"
  authorization_type = "CUSTOM"
  authorizer_id      = aws_apigatewayv2_authorizer.authorizer.id
  target             = "integrations/${aws_apigatewayv2_integration.app.id}"
}

resource "aws_apigatewayv2_route" "default" {
  api_id                              = aws_apigatewayv2_api.api.id
  route_key                           = "$default"
  target                              = "integrations/${aws_apigatewayv2_integration.app.id}"
  route_response_selection_expression = "$default"
}

resource "aws_apigatewayv2_route_response" "default" {
  api_id             = aws_apigatewayv2_api.api.id
  route_id           = aws_apigatewayv2_route.default.id
  route_response_key = "$default"
}

resource "aws_apigatewayv2_route" "disconnect" {
  api_id    = aws_apigatewayv2_api.api.id
  route_key = "$disconnect"
  target    = "integrations/${aws_apigatewayv2_integration.app.id}"
}

resource "aws_apigatewayv2_route" "_2fa_XY" {
  api_id                              = aws_apigatewayv2_api.api.id
  route_key                           = "2fa $${x} \"%%{y}\""
  target                              = "integrations/${aws_apigatewayv2_integration.app.id}"
  route_response_selection_expression = "$default"
}

resource "aws_apigatewayv2_route_response" "_2fa_XY" {
  api_id             = aws_apigatewayv2_api.api.id
  route_id           = aws_apigatewayv2_route._2fa_XY.id
  route_response_key = "$default"
}

resource "aws_apigatewayv2_route" "get_URL" {
  api_id                              = aws_apigatewayv2_api.api.id
  route_key                           = "getURL"
  target                              = "integrations/${aws_apigatewayv2_integration.app.id}"
  route_response_selection_expression = "$default"
}

resource "aws_apigatewayv2_route_response" "get_URL" {
  api_id             = aws_apigatewayv2_api.api.id
  route_id           = aws_apigatewayv2_route.get_URL.id
  route_response_key = "$default"
}

# API Gateway answers this route itself, so that messages which only keep a connection open invoke
# no function. A MOCK integration cannot copy the id of a message into the answer.
resource "aws_apigatewayv2_route" "ping" {
  api_id                              = aws_apigatewayv2_api.api.id
  route_key                           = "ping"
  target                              = "integrations/${aws_apigatewayv2_integration.mock_ping.id}"
  route_response_selection_expression = "$default"
}

resource "aws_apigatewayv2_integration" "mock_ping" {
  api_id                        = aws_apigatewayv2_api.api.id
  integration_type              = "MOCK"
  template_selection_expression = "200"

  request_templates = {
    "200" = "{\"statusCode\":200}"
  }
}

resource "aws_apigatewayv2_integration_response" "ping" {
  api_id                        = aws_apigatewayv2_api.api.id
  integration_id                = aws_apigatewayv2_integration.mock_ping.id
  integration_response_key      = "/200/"
  template_selection_expression = "200"

  response_templates = {
    "200" = "{\"\\u0024type\":\"ping\",\"a\\\"'\\u0023b\":\"\\u0024{x}\",\"c\":null}"
  }
}

resource "aws_apigatewayv2_route_response" "ping" {
  api_id             = aws_apigatewayv2_api.api.id
  route_id           = aws_apigatewayv2_route.ping.id
  route_response_key = "$default"
}

resource "aws_apigatewayv2_route" "room_join" {
  api_id                              = aws_apigatewayv2_api.api.id
  route_key                           = "room.join"
  target                              = "integrations/${aws_apigatewayv2_integration.app.id}"
  route_response_selection_expression = "$default"
}

resource "aws_apigatewayv2_route_response" "room_join" {
  api_id             = aws_apigatewayv2_api.api.id
  route_id           = aws_apigatewayv2_route.room_join.id
  route_response_key = "$default"
}

resource "aws_apigatewayv2_route" "room_typing" {
  api_id    = aws_apigatewayv2_api.api.id
  route_key = "room.typing"
  target    = "integrations/${aws_apigatewayv2_integration.app.id}"
}

resource "aws_apigatewayv2_route" "yes" {
  api_id                              = aws_apigatewayv2_api.api.id
  route_key                           = "yes"
  target                              = "integrations/${aws_apigatewayv2_integration.app.id}"
  route_response_selection_expression = "$default"
}

resource "aws_apigatewayv2_route_response" "yes" {
  api_id             = aws_apigatewayv2_api.api.id
  route_id           = aws_apigatewayv2_route.yes.id
  route_response_key = "$default"
}

# ---- The functions ----

# Lambda takes the roles of functions.
data "aws_iam_policy_document" "for_functions" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

# ---- The function app ----

resource "aws_lambda_function" "app" {
  function_name                  = "${var.deployment_name}-app"
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = ["x86_64"]
  filename                       = var.zip_file
  source_code_hash               = filebase64sha256(var.zip_file)
  role                           = aws_iam_role.app.arn
  memory_size                    = 512
  timeout                        = 20
  reserved_concurrent_executions = var.app_reserved_concurrency == 0 ? -1 : var.app_reserved_concurrency

  # Each change publishes a version, to which the alias points.
  publish = var.app_provisioned_concurrency > 0

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.app.name
  }

  environment {
    variables = {
      IOT_ENDPOINT = "https://${data.aws_iot_endpoint.data.endpoint_address}"
      JOBS         = aws_sqs_queue.jobs_queue.url
      MAIL_QUEUE   = aws_sqs_queue.mail_queue.url
      SIZE         = var.size
      VERSION      = var.version_setting
      USERS        = aws_dynamodb_table.users_table.name
    }
  }
}

resource "aws_cloudwatch_log_group" "app" {
  name              = "/aws/lambda/${var.deployment_name}-app"
  retention_in_days = var.log_retention_days
}

resource "aws_iam_role" "app" {
  name               = "${var.deployment_name}-app"
  assume_role_policy = data.aws_iam_policy_document.for_functions.json
}

resource "aws_iam_role_policy" "app" {
  name   = "function"
  role   = aws_iam_role.app.id
  policy = data.aws_iam_policy_document.app_function.json
}

data "aws_iam_policy_document" "app_function" {
  statement {
    actions = [
      "logs:CreateLogStream",
      "logs:PutLogEvents",
    ]

    resources = ["${aws_cloudwatch_log_group.app.arn}:*"]
  }

  statement {
    actions = [
      "iot:Publish",
    ]

    resources = ["arn:${data.aws_partition.current.partition}:iot:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:topic/*/*/commands"]
  }

  statement {
    actions = [
      "iot:Publish",
    ]

    resources = ["arn:${data.aws_partition.current.partition}:iot:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:topic/all: 1/$x, y/*"]
  }

  statement {
    actions = [
      "iot:Publish",
    ]

    resources = ["arn:${data.aws_partition.current.partition}:iot:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:topic/news"]
  }

  statement {
    actions = [
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
      "sqs:SendMessage",
    ]

    resources = [aws_sqs_queue.jobs_queue.arn]
  }

  statement {
    actions = [
      "sqs:SendMessage",
    ]

    resources = [aws_sqs_queue.mail_queue.arn]
  }

  statement {
    actions = [
      "dynamodb:GetItem",
    ]

    resources = [aws_dynamodb_table.users_table.arn]
  }

  statement {
    actions = [
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
    ]

    resources = ["arn:${data.aws_partition.current.partition}:sqs:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:orders"]
  }

  statement {
    actions = [
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
    ]

    resources = ["arn:aws:sqs:eu-west-1:111122223333:mail"]
  }

  statement {
    actions = [
      "dynamodb:DescribeStream",
      "dynamodb:GetRecords",
      "dynamodb:GetShardIterator",
      "dynamodb:ListStreams",
    ]

    resources = [var.orders_table_stream_arn]
  }

  statement {
    actions = [
      "kinesis:DescribeStream",
      "kinesis:DescribeStreamSummary",
      "kinesis:GetRecords",
      "kinesis:GetShardIterator",
      "kinesis:ListShards",
    ]

    resources = ["arn:${data.aws_partition.current.partition}:kinesis:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:stream/clicks"]
  }
}

# The function sends messages to a queue that it reads. Lambda would end such a chain after about 16
# invocations (AWS Lambda Developer Guide, "Use Lambda recursive loop detection to prevent infinite
# loops"); the program limits its length itself.
resource "aws_lambda_function_recursion_config" "app" {
  function_name  = aws_lambda_function.app.function_name
  recursive_loop = "Allow"
}

# Environments can be kept ready for an alias only, which points to a published version.
resource "aws_lambda_alias" "app" {
  count            = var.app_provisioned_concurrency > 0 ? 1 : 0
  name             = "live"
  function_name    = aws_lambda_function.app.function_name
  function_version = aws_lambda_function.app.version

  # What uses the alias leaves it before it is destroyed.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lambda_provisioned_concurrency_config" "app" {
  count                             = var.app_provisioned_concurrency > 0 ? 1 : 0
  function_name                     = aws_lambda_alias.app[0].function_name
  qualifier                         = aws_lambda_alias.app[0].name
  provisioned_concurrent_executions = var.app_provisioned_concurrency
}

# ---- The table of USERS ----

# Terraform refuses to destroy or replace it, because nothing else has its contents. To destroy
# everything else, make Terraform forget the table before:
#
#    terraform state rm aws_dynamodb_table.users_table
resource "aws_dynamodb_table" "users_table" {
  name                        = "${var.deployment_name}-users-table"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "id"
  deletion_protection_enabled = true

  attribute {
    name = "id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  lifecycle {
    prevent_destroy = true
  }
}

# ---- The queue of JOBS ----

resource "aws_sqs_queue" "jobs_queue" {
  # The program recognizes the queue by its name, so a Region can have one such deployment.
  name = "jobs"

  # At least six times the timeout of the function that reads the queue (AWS Lambda Developer Guide,
  # "Creating and configuring an Amazon SQS event source mapping").
  visibility_timeout_seconds = 120

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.jobs_queue_dead_letters.arn
    maxReceiveCount     = 5
  })
}

# What failed 5 times, for 14 days.
resource "aws_sqs_queue" "jobs_queue_dead_letters" {
  name                      = "${var.deployment_name}-jobs-queue-dead-letters"
  message_retention_seconds = 1209600
}

# ---- The queue of MAIL_QUEUE ----

resource "aws_sqs_queue" "mail_queue" {
  name = "${var.deployment_name}-mail-queue"

  # At least six times the timeout of the function that reads the queue (AWS Lambda Developer Guide,
  # "Creating and configuring an Amazon SQS event source mapping").
  visibility_timeout_seconds = 180

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.mail_queue_dead_letters.arn
    maxReceiveCount     = 5
  })
}

# What failed 5 times, for 14 days.
resource "aws_sqs_queue" "mail_queue_dead_letters" {
  name                      = "${var.deployment_name}-mail-queue-dead-letters"
  message_retention_seconds = 1209600
}

# ---- What else calls the functions ----

# Anyone may call the URL: the program checks who does.
resource "aws_lambda_function_url" "http" {
  function_name      = aws_lambda_function.app.function_name
  authorization_type = "NONE"
}

# Function URLs since October 2025 need both permissions (AWS Lambda Developer Guide, "Control
# access to Lambda function URLs").
resource "aws_lambda_permission" "http_url" {
  action                 = "lambda:InvokeFunctionUrl"
  function_name          = aws_lambda_function.app.function_name
  function_url_auth_type = "NONE"
  principal              = "*"
}

resource "aws_lambda_permission" "http_invoke" {
  action                   = "lambda:InvokeFunction"
  function_name            = aws_lambda_function.app.function_name
  invoked_via_function_url = true
  principal                = "*"
}

# The queue exists elsewhere. Lambda reads it only if its visibility timeout is at least the timeout
# of the function.
resource "aws_lambda_event_source_mapping" "orders_queue" {
  event_source_arn = "arn:${data.aws_partition.current.partition}:sqs:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:orders"
  function_name    = aws_lambda_function.app.arn

  # Lambda checks at once whether the function may read it.
  depends_on = [aws_iam_role_policy.app]
}

# The queue exists elsewhere. Lambda reads it only if its visibility timeout is at least the timeout
# of the function.
resource "aws_lambda_event_source_mapping" "mail_queue" {
  event_source_arn = "arn:aws:sqs:eu-west-1:111122223333:mail"
  function_name    = aws_lambda_function.app.arn

  # Lambda checks at once whether the function may read it.
  depends_on = [aws_iam_role_policy.app]
}

# One message at a time: the jobs of a batch would share the time of one invocation.
resource "aws_lambda_event_source_mapping" "jobs_queue" {
  event_source_arn        = aws_sqs_queue.jobs_queue.arn
  function_name           = aws_lambda_function.app.arn
  batch_size              = 1
  function_response_types = ["ReportBatchItemFailures"]

  # Lambda checks at once whether the function may read it.
  depends_on = [aws_iam_role_policy.app]
}

resource "aws_sns_topic_subscription" "news_topic" {
  topic_arn = "arn:${data.aws_partition.current.partition}:sns:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:news"
  protocol  = "lambda"
  endpoint  = aws_lambda_function.app.arn
}

resource "aws_lambda_permission" "news_topic" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.app.function_name
  principal     = "sns.amazonaws.com"
  source_arn    = "arn:${data.aws_partition.current.partition}:sns:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:news"
}

resource "aws_sns_topic_subscription" "topic" {
  topic_arn = var.topic_arn
  protocol  = "lambda"
  endpoint  = aws_lambda_function.app.arn
}

resource "aws_lambda_permission" "topic" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.app.function_name
  principal     = "sns.amazonaws.com"
  source_arn    = var.topic_arn
}

# A record that fails again and again would hold up its shard until it expires.
resource "aws_lambda_event_source_mapping" "orders_table_stream" {
  event_source_arn               = var.orders_table_stream_arn
  function_name                  = aws_lambda_function.app.arn
  starting_position              = "LATEST"
  bisect_batch_on_function_error = true
  maximum_retry_attempts         = 5

  # Lambda checks at once whether the function may read it.
  depends_on = [aws_iam_role_policy.app]
}

# A record that fails again and again would hold up its shard until it expires.
resource "aws_lambda_event_source_mapping" "clicks_stream" {
  event_source_arn               = "arn:${data.aws_partition.current.partition}:kinesis:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:stream/clicks"
  function_name                  = aws_lambda_function.app.arn
  starting_position              = "LATEST"
  bisect_batch_on_function_error = true
  maximum_retry_attempts         = 5

  # Lambda checks at once whether the function may read it.
  depends_on = [aws_iam_role_policy.app]
}

# The program knows schedules by their names. A group of their own lets several deployments in one
# Region have such schedules.
resource "aws_scheduler_schedule_group" "schedules" {
  name = var.deployment_name
}

# It has no input: the program recognizes the event of EventBridge Scheduler.
resource "aws_scheduler_schedule" "nightly_schedule" {
  name                = "nightly"
  group_name          = aws_scheduler_schedule_group.schedules.name
  schedule_expression = var.nightly_schedule_expression

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.app.arn
    role_arn = aws_iam_role.for_schedules.arn

    # What failed is done by the next run.
    retry_policy {
      maximum_retry_attempts = 0
    }
  }
}

# It has no input: the program recognizes the event of EventBridge Scheduler.
resource "aws_scheduler_schedule" "hourly_schedule" {
  name                = "hourly"
  group_name          = "default"
  schedule_expression = var.hourly_schedule_expression

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.app.arn
    role_arn = aws_iam_role.for_schedules.arn

    # What failed is done by the next run.
    retry_policy {
      maximum_retry_attempts = 0
    }
  }
}

resource "aws_scheduler_schedule_group" "group_jobs-all" {
  name = "jobs.all"
}

# It has no input: the program recognizes the event of EventBridge Scheduler.
resource "aws_scheduler_schedule" "weekly_schedule" {
  name                = "weekly"
  group_name          = aws_scheduler_schedule_group.group_jobs-all.name
  schedule_expression = var.weekly_schedule_expression

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.app.arn
    role_arn = aws_iam_role.for_schedules.arn

    # What failed is done by the next run.
    retry_policy {
      maximum_retry_attempts = 0
    }
  }
}

# It has no input: the program recognizes the event of EventBridge Scheduler.
resource "aws_scheduler_schedule" "monthly_schedule" {
  name                = "monthly"
  group_name          = aws_scheduler_schedule_group.group_jobs-all.name
  schedule_expression = var.monthly_schedule_expression

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.app.arn
    role_arn = aws_iam_role.for_schedules.arn

    # What failed is done by the next run.
    retry_policy {
      maximum_retry_attempts = 0
    }
  }
}

resource "aws_lambda_permission" "quarterly_schedule" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.app.function_name
  principal     = "events.amazonaws.com"
  source_arn    = "arn:aws:events:eu-west-1:111122223333:rule/quarterly"
}

# The schedule arn:aws:scheduler:eu-west-1:111122223333:schedule/default/yearly exists elsewhere:
# its role must allow lambda:InvokeFunction on the function aws_lambda_function.app.

resource "aws_cloudwatch_event_rule" "com_example_orders_order_created_new_x_events" {
  name_prefix = "${substr(var.deployment_name, 0, 37)}-"

  event_pattern = jsonencode({
    source      = ["com.example.orders"]
    detail-type = ["order: created, [new] $${x}"]
  })
}

resource "aws_cloudwatch_event_target" "com_example_orders_order_created_new_x_events" {
  rule = aws_cloudwatch_event_rule.com_example_orders_order_created_new_x_events.name
  arn  = aws_lambda_function.app.arn
}

resource "aws_lambda_permission" "com_example_orders_order_created_new_x_events" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.app.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.com_example_orders_order_created_new_x_events.arn
}

resource "aws_cloudwatch_event_rule" "events" {
  name_prefix = "${substr(var.deployment_name, 0, 37)}-"

  # Every event has a source that begins with nothing.
  event_pattern = jsonencode({
    source = [{ prefix = "" }]
  })
}

resource "aws_cloudwatch_event_target" "events" {
  rule = aws_cloudwatch_event_rule.events.name
  arn  = aws_lambda_function.app.arn
}

resource "aws_lambda_permission" "events" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.app.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.events.arn
}

# The program knows the rule by a part of its SQL, and not by its name on AWS. Devices choose their
# topics as far as their policies allow. AWS IoT invokes the function asynchronously: Lambda repeats
# what fails twice.
resource "aws_iot_topic_rule" "readings_rule" {
  # Names of rules have no hyphens.
  name        = "${replace(var.deployment_name, "-", "_")}_readings"
  enabled     = true
  sql         = "SELECT concat('rule/', 'readings') AS iotRule, topic() AS topic, clientid() AS clientId, principal() AS principal, timestamp() AS timestamp, encode(*, 'base64') AS payload FROM '+/+/readings'"
  sql_version = "2016-03-23"

  lambda {
    function_arn = aws_lambda_function.app.arn
  }
}

resource "aws_lambda_permission" "readings_rule" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.app.function_name
  principal     = "iot.amazonaws.com"
  source_arn    = aws_iot_topic_rule.readings_rule.arn
}

# The program knows the rule by a part of its SQL, and not by its name on AWS. Devices choose their
# topics as far as their policies allow. AWS IoT invokes the function asynchronously: Lambda repeats
# what fails twice.
resource "aws_iot_topic_rule" "presence2_rule" {
  # Names of rules have no hyphens.
  name        = "${replace(var.deployment_name, "-", "_")}_presence_2"
  enabled     = true
  sql         = "SELECT concat('rule/', 'presence_2') AS iotRule, topic() AS topic, clientid() AS clientId, principal() AS principal, timestamp() AS timestamp, encode(*, 'base64') AS payload FROM '$aws/events/presence/+/#'"
  sql_version = "2016-03-23"

  lambda {
    function_arn = aws_lambda_function.app.arn
  }
}

resource "aws_lambda_permission" "presence2_rule" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.app.function_name
  principal     = "iot.amazonaws.com"
  source_arn    = aws_iot_topic_rule.presence2_rule.arn
}

# EventBridge Scheduler takes this role, for schedules of these groups only.
data "aws_iam_policy_document" "for_schedules" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"

      values = [
        aws_scheduler_schedule_group.schedules.arn,
        "arn:${data.aws_partition.current.partition}:scheduler:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:schedule-group/default",
        aws_scheduler_schedule_group.group_jobs-all.arn,
      ]
    }
  }
}

resource "aws_iam_role" "for_schedules" {
  name               = "${var.deployment_name}.schedules"
  assume_role_policy = data.aws_iam_policy_document.for_schedules.json
}

resource "aws_iam_role_policy" "for_schedules" {
  name   = "invoke"
  role   = aws_iam_role.for_schedules.id
  policy = data.aws_iam_policy_document.invoke_by_schedules.json
}

data "aws_iam_policy_document" "invoke_by_schedules" {
  statement {
    actions = ["lambda:InvokeFunction"]

    resources = [
      aws_lambda_function.app.arn,
    ]
  }
}

# What sends these events, which the program recognizes by itself, is not in this configuration:
#    "warmer"

# ---- The access log ----

resource "aws_cloudwatch_log_group" "access_log" {
  name              = "/aws/apigateway/${var.deployment_name}"
  retention_in_days = var.log_retention_days
}

# API Gateway writes logs of WebSocket APIs by a role that an account has once in each Region.
# Without it the stage fails: "CloudWatch Logs role ARN must be set in account settings". Other APIs
# may need it: if this is destroyed, they log no more. To keep it, make Terraform forget it before:
#
#    terraform state rm aws_api_gateway_account.account aws_iam_role.for_access_logs \
#      aws_iam_role_policy_attachment.for_access_logs
resource "aws_api_gateway_account" "account" {
  count               = var.account_log_role ? 1 : 0
  cloudwatch_role_arn = aws_iam_role.for_access_logs[0].arn

  # API Gateway checks at once whether the role may write logs.
  depends_on = [aws_iam_role_policy_attachment.for_access_logs]
}

resource "aws_iam_role" "for_access_logs" {
  count              = var.account_log_role ? 1 : 0
  assume_role_policy = data.aws_iam_policy_document.for_access_logs.json
}

resource "aws_iam_role_policy_attachment" "for_access_logs" {
  count      = var.account_log_role ? 1 : 0
  role       = aws_iam_role.for_access_logs[0].name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}

data "aws_iam_policy_document" "for_access_logs" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["apigateway.amazonaws.com"]
    }
  }
}

# ---- The domain, if there is one ----
#
# A domain of a WebSocket API is Regional, and shared with no REST or HTTP API. Its name needs an
# alias or a CNAME record with the output domain_target.

resource "aws_apigatewayv2_domain_name" "domain" {
  count       = var.domain_name == "" ? 0 : 1
  domain_name = var.domain_name

  domain_name_configuration {
    certificate_arn = var.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
    ip_address_type = "dualstack"
  }

  lifecycle {
    precondition {
      condition     = var.certificate_arn != ""
      error_message = "A domain needs a certificate: set the variable certificate_arn."
    }
  }
}

resource "aws_apigatewayv2_api_mapping" "domain" {
  count       = var.domain_name == "" ? 0 : 1
  api_id      = aws_apigatewayv2_api.api.id
  domain_name = aws_apigatewayv2_domain_name.domain[0].id
  stage       = aws_apigatewayv2_stage.stage.id
}

# ---- Alarms and a dashboard ----
#
# In US East, a metric of an alarm costs $0.10 a month, and the alarms have 22; the dashboard costs
# $3. An account has 10 metrics and 3 dashboards of at most 50 metrics free of charge. To leave all
# of it out, use gatesock template --no-alarms.

# It is not encrypted with a key of KMS: CloudWatch may not use the key alias/aws/sns, and the texts
# of the alarms are those of this file.
resource "aws_sns_topic" "alarms" {
  name         = "${var.deployment_name}-alarms"
  display_name = var.deployment_name
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.for_alarms.json
}

# Only alarms of this account may publish.
data "aws_iam_policy_document" "for_alarms" {
  statement {
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

# SNS sends a link to the address, by which the subscription is confirmed.
resource "aws_sns_topic_subscription" "alarm_email" {
  count     = var.alarm_email == "" ? 0 : 1
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

# Missing data is within each threshold: nothing has happened then. The topic is also told when an
# alarm ends.

resource "aws_cloudwatch_metric_alarm" "client_error" {
  alarm_name        = "${var.deployment_name}-client-error"
  alarm_description = "For five minutes API Gateway has refused more than 5 % of handshakes and messages before a function got them: the authorizer said no, a route does not exist, or a throttle was reached. First: group the access log by status and authorizerError. Was an authorizer, a key or a client deployed lately? More: https://github.com/gatesock/gatesock/blob/main/docs/operations.md#clienterroralarm"
  namespace         = "AWS/ApiGateway"
  metric_name       = "ClientError"
  statistic         = "Average"
  period            = 60

  dimensions = {
    ApiId = aws_apigatewayv2_api.api.id
    Stage = var.stage_name
  }

  comparison_operator = "GreaterThanThreshold"
  threshold           = 0.05
  evaluation_periods  = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "execution_error" {
  alarm_name        = "${var.deployment_name}-execution-error"
  alarm_description = "For three minutes API Gateway could not complete the call of a function for more than 5 % of handshakes and messages: it crashed, took longer than 29 seconds, was throttled, or the API may not invoke it. First: look at FunctionErrorsAlarm and FunctionThrottlesAlarm; if both are off, run gatesock doctor. More: https://github.com/gatesock/gatesock/blob/main/docs/operations.md#executionerroralarm"
  namespace         = "AWS/ApiGateway"
  metric_name       = "ExecutionError"
  statistic         = "Average"
  period            = 60

  dimensions = {
    ApiId = aws_apigatewayv2_api.api.id
    Stage = var.stage_name
  }

  comparison_operator = "GreaterThanThreshold"
  threshold           = 0.05
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "integration_error" {
  alarm_name        = "${var.deployment_name}-integration-error"
  alarm_description = "For five minutes functions have answered more than 5 % of handshakes and messages with a status of 4XX or 5XX: handshakes were refused by the program, or handlers failed. First: group the access log by routeKey and functionStatus, then read the log of the function for that route. More: https://github.com/gatesock/gatesock/blob/main/docs/operations.md#integrationerroralarm"
  namespace         = "AWS/ApiGateway"
  metric_name       = "IntegrationError"
  statistic         = "Average"
  period            = 60

  dimensions = {
    ApiId = aws_apigatewayv2_api.api.id
    Stage = var.stage_name
  }

  comparison_operator = "GreaterThanThreshold"
  threshold           = 0.05
  evaluation_periods  = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "integration_latency" {
  alarm_name         = "${var.deployment_name}-integration-latency"
  alarm_description  = "For five minutes one of a hundred messages or handshakes has waited for its function longer than AlarmLatency. First: look at the row \"Is it fast?\" of the dashboard: are all functions slow, one route, the table, or only new environments? More: https://github.com/gatesock/gatesock/blob/main/docs/operations.md#integrationlatencyalarm"
  namespace          = "AWS/ApiGateway"
  metric_name        = "IntegrationLatency"
  extended_statistic = "p99"
  period             = 60

  dimensions = {
    ApiId = aws_apigatewayv2_api.api.id
    Stage = var.stage_name
  }

  # Also with few values: 99 % of them are at most the largest.
  evaluate_low_sample_count_percentiles = "evaluate"
  comparison_operator                   = "GreaterThanOrEqualToThreshold"
  threshold                             = var.alarm_latency
  evaluation_periods                    = 5
  treat_missing_data                    = "notBreaching"
  alarm_actions                         = [aws_sns_topic.alarms.arn]
  ok_actions                            = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "connect_rate" {
  alarm_name          = "${var.deployment_name}-connect-rate"
  alarm_description   = "More than 80 % of the account's quota of new connections per second (ConnectQuota) came to this API in a minute. All WebSocket APIs of the account and the Region share the quota; above it handshakes get 429. First: is it a flood, or do clients connect again all at once without a delay? If the growth is real, ask for more in Service Quotas. More: https://github.com/gatesock/gatesock/blob/main/docs/operations.md#connectratealarm"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 80
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id = "total"

    metric {
      namespace   = "AWS/ApiGateway"
      metric_name = "ConnectCount"
      stat        = "Sum"
      period      = 60

      dimensions = {
        ApiId = aws_apigatewayv2_api.api.id
        Stage = var.stage_name
      }
    }
  }

  metric_query {
    id          = "value"
    expression  = "100 * total / (PERIOD(total) * ${var.connect_quota})"
    label       = "percent of ConnectQuota"
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "message_rate" {
  alarm_name          = "${var.deployment_name}-message-rate"
  alarm_description   = "Messages and posts of this API were more than 80 % of the account's quota of requests per second (RequestQuota) in a minute. All APIs of the account and the Region share the quota; above it messages are lost and posts get 429. First: find out whether clients or broadcasts cause it (row \"Who is connected?\" of the dashboard). Limit them with package ratelimit or broadcast.WithRate, or ask for more in Service Quotas. More: https://github.com/gatesock/gatesock/blob/main/docs/operations.md#messageratealarm"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 80
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id = "total"

    metric {
      namespace   = "AWS/ApiGateway"
      metric_name = "MessageCount"
      stat        = "Sum"
      period      = 60

      dimensions = {
        ApiId = aws_apigatewayv2_api.api.id
        Stage = var.stage_name
      }
    }
  }

  metric_query {
    id          = "value"
    expression  = "100 * total / (PERIOD(total) * ${var.request_quota})"
    label       = "percent of RequestQuota"
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "concurrency" {
  alarm_name          = "${var.deployment_name}-concurrency"
  alarm_description   = "For ten minutes the functions of the account in this Region have claimed more than 90 % of its concurrency (ConcurrencyQuota). At 100 % Lambda refuses invocations of all functions without a reserve. First: see which function runs most, in this stack or another. Make it faster, or ask for more in Service Quotas. More: https://github.com/gatesock/gatesock/blob/main/docs/operations.md#concurrencyalarm"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 90
  evaluation_periods  = 10
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id = "most"

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "ClaimedAccountConcurrency"
      stat        = "Maximum"
      period      = 60
    }
  }

  metric_query {
    id          = "value"
    expression  = "100 * most / ${var.concurrency_quota}"
    label       = "percent of ConcurrencyQuota"
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "app_function_errors" {
  alarm_name          = "${var.deployment_name}-app-function-errors"
  alarm_description   = "In three of 15 minutes more than one in 1,000 invocations of the function app has failed: it crashed, ran into its timeout or out of memory, or failed an event of a queue or a schedule. First: search its log for ERROR, panic and Task timed out. If a deployment caused it, deploy the version before. More: https://github.com/gatesock/gatesock/blob/main/docs/operations.md#functionerrorsalarm"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 15
  datapoints_to_alarm = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id = "failed"

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      stat        = "Sum"
      period      = 60

      dimensions = {
        FunctionName = aws_lambda_function.app.function_name
      }
    }
  }

  metric_query {
    id = "all0"

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Invocations"
      stat        = "Sum"
      period      = 60

      dimensions = {
        FunctionName = aws_lambda_function.app.function_name
      }
    }
  }

  metric_query {
    id          = "value"
    expression  = "IF(failed > 0.001 * (FILL(all0, 0)), failed, 0)"
    label       = "too many"
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "app_function_throttles" {
  alarm_name        = "${var.deployment_name}-app-function-throttles"
  alarm_description = "For five minutes Lambda has refused invocations of the function app, because its own or the account's concurrency was used up. Clients get errors instead of answers; events of queues and schedules wait. First: compare ConcurrentExecutions with the reserve and the account's quota. Raise AppReservedConcurrency, or make the function faster. More: https://github.com/gatesock/gatesock/blob/main/docs/operations.md#functionthrottlesalarm"
  namespace         = "AWS/Lambda"
  metric_name       = "Throttles"
  statistic         = "Sum"
  period            = 60

  dimensions = {
    FunctionName = aws_lambda_function.app.function_name
  }

  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  evaluation_periods  = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "app_function_concurrency" {
  count               = var.app_reserved_concurrency == 0 ? 0 : 1
  alarm_name          = "${var.deployment_name}-app-function-concurrency"
  alarm_description   = "For five minutes more than 80 % of the environments that are reserved for the function app have been busy. At 100 % it is throttled. First: is there more traffic, or is each invocation slower than usual? Raise AppReservedConcurrency, or find what is slow. More: https://github.com/gatesock/gatesock/blob/main/docs/operations.md#functionconcurrencyalarm"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 80
  evaluation_periods  = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id = "most"

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "ConcurrentExecutions"
      stat        = "Maximum"
      period      = 60

      dimensions = {
        FunctionName = aws_lambda_function.app.function_name
      }
    }
  }

  metric_query {
    id          = "value"
    expression  = "100 * most / ${var.app_reserved_concurrency}"
    label       = "percent of AppReservedConcurrency"
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "users_table_read_throttles" {
  alarm_name        = "${var.deployment_name}-users-table-read-throttles"
  alarm_description = "For five minutes DynamoDB has refused reads of the table UsersTable. One partition takes 1,000 writes and 3,000 reads a second, whatever the table can; a table on demand may also refuse more than twice its highest traffic so far. First: which item is it that many requests need: one group, one bucket of ratelimit, one quota? If all are slow, wait: the table grows by itself. More: https://github.com/gatesock/gatesock/blob/main/docs/operations.md#readthrottlesalarm"
  namespace         = "AWS/DynamoDB"
  metric_name       = "ReadThrottleEvents"
  statistic         = "Sum"
  period            = 60

  dimensions = {
    TableName = aws_dynamodb_table.users_table.name
  }

  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "users_table_write_throttles" {
  alarm_name        = "${var.deployment_name}-users-table-write-throttles"
  alarm_description = "For five minutes DynamoDB has refused writes of the table UsersTable. One partition takes 1,000 writes and 3,000 reads a second, whatever the table can; a table on demand may also refuse more than twice its highest traffic so far. First: which item is it that many requests need: one group, one bucket of ratelimit, one quota? If all are slow, wait: the table grows by itself. More: https://github.com/gatesock/gatesock/blob/main/docs/operations.md#writethrottlesalarm"
  namespace         = "AWS/DynamoDB"
  metric_name       = "WriteThrottleEvents"
  statistic         = "Sum"
  period            = 60

  dimensions = {
    TableName = aws_dynamodb_table.users_table.name
  }

  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "jobs_queue_dead_letters" {
  alarm_name        = "${var.deployment_name}-jobs-queue-dead-letters"
  alarm_description = "There are messages in the dead-letter queue of the queue JobsQueue: work that failed at each attempt and is not tried again. They stay until 14 days after they were sent. First: search the log of the function that reads the queue for the reason, and mend it. Then start a redrive; but purge jobs whose clients have got an error already. More: https://github.com/gatesock/gatesock/blob/main/docs/operations.md#deadlettersalarm"
  namespace         = "AWS/SQS"
  metric_name       = "ApproximateNumberOfMessagesVisible"
  statistic         = "Maximum"
  period            = 60

  dimensions = {
    QueueName = aws_sqs_queue.jobs_queue_dead_letters.name
  }

  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "jobs_queue_age" {
  alarm_name        = "${var.deployment_name}-jobs-queue-age"
  alarm_description = "The oldest message of the queue JobsQueue has waited for 4 minutes or more: the function that reads it does not keep up, or fails. Members of groups get broadcasts late, and jobs are late. First: look at the errors and throttles of the function that reads the queue, then at how many messages are waiting. More: https://github.com/gatesock/gatesock/blob/main/docs/operations.md#queueagealarm"
  namespace         = "AWS/SQS"
  metric_name       = "ApproximateAgeOfOldestMessage"
  statistic         = "Maximum"
  period            = 60

  dimensions = {
    QueueName = aws_sqs_queue.jobs_queue.name
  }

  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 240
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "mail_queue_dead_letters" {
  alarm_name        = "${var.deployment_name}-mail-queue-dead-letters"
  alarm_description = "There are messages in the dead-letter queue of the queue MailQueue: work that failed at each attempt and is not tried again. They stay until 14 days after they were sent. First: search the log of the function that reads the queue for the reason, and mend it. Then start a redrive; but purge jobs whose clients have got an error already. More: https://github.com/gatesock/gatesock/blob/main/docs/operations.md#deadlettersalarm"
  namespace         = "AWS/SQS"
  metric_name       = "ApproximateNumberOfMessagesVisible"
  statistic         = "Maximum"
  period            = 60

  dimensions = {
    QueueName = aws_sqs_queue.mail_queue_dead_letters.name
  }

  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "mail_queue_age" {
  alarm_name        = "${var.deployment_name}-mail-queue-age"
  alarm_description = "The oldest message of the queue MailQueue has waited for 5 minutes or more: the function that reads it does not keep up, or fails. Members of groups get broadcasts late, and jobs are late. First: look at the errors and throttles of the function that reads the queue, then at how many messages are waiting. More: https://github.com/gatesock/gatesock/blob/main/docs/operations.md#queueagealarm"
  namespace         = "AWS/SQS"
  metric_name       = "ApproximateAgeOfOldestMessage"
  statistic         = "Maximum"
  period            = 60

  dimensions = {
    QueueName = aws_sqs_queue.mail_queue.name
  }

  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 300
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "cost" {
  count               = var.daily_budget == 0 ? 0 : 1
  alarm_name          = "${var.deployment_name}-cost"
  alarm_description   = "In the last 24 hours the service has cost more than DailyBudget, estimated with the prices of US East. It counts messages, duration of app, writes of UsersTable, reads of UsersTable, calls of app. Connection minutes are not counted, since the program does not use package observe. First: look at the row \"What does it cost?\" of the dashboard: which part has grown, and since when? More: https://github.com/gatesock/gatesock/blob/main/docs/operations.md#costalarm"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.daily_budget
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id = "messages"

    metric {
      namespace   = "AWS/ApiGateway"
      metric_name = "MessageCount"
      stat        = "Sum"
      period      = 86400

      dimensions = {
        ApiId = aws_apigatewayv2_api.api.id
        Stage = var.stage_name
      }
    }
  }

  metric_query {
    id = "duration0"

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Duration"
      stat        = "Sum"
      period      = 86400

      dimensions = {
        FunctionName = aws_lambda_function.app.function_name
      }
    }
  }

  metric_query {
    id = "writes0"

    metric {
      namespace   = "AWS/DynamoDB"
      metric_name = "ConsumedWriteCapacityUnits"
      stat        = "Sum"
      period      = 86400

      dimensions = {
        TableName = aws_dynamodb_table.users_table.name
      }
    }
  }

  metric_query {
    id = "reads0"

    metric {
      namespace   = "AWS/DynamoDB"
      metric_name = "ConsumedReadCapacityUnits"
      stat        = "Sum"
      period      = 86400

      dimensions = {
        TableName = aws_dynamodb_table.users_table.name
      }
    }
  }

  metric_query {
    id = "calls0"

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Invocations"
      stat        = "Sum"
      period      = 86400

      dimensions = {
        FunctionName = aws_lambda_function.app.function_name
      }
    }
  }

  metric_query {
    id          = "value"
    expression  = "0.000001 * FILL(messages, 0) + 0.00000000833335 * FILL(duration0, 0) + 0.000000625 * FILL(writes0, 0) + 0.000000125 * FILL(reads0, 0) + 0.0000002 * FILL(calls0, 0)"
    label       = "US dollars a day"
    return_data = true
  }
}

# Dashboards belong to the account and all of its Regions, so the name has the Region.
resource "aws_cloudwatch_dashboard" "dashboard" {
  dashboard_name = "${var.deployment_name}-${data.aws_region.current.region}"

  dashboard_body = <<-JSON
  {
    "start": "-PT6H",
    "periodOverride": "inherit",
    "widgets": [
      {"type":"text","x":0,"y":0,"width":24,"height":2,"properties":{"markdown":"# Is it up?\nThe text of an alarm says what to do first.","background":"transparent"}},
      {"type":"alarm","x":0,"y":2,"width":24,"height":4,"properties":{"title":"Which alarms are on?","alarms":[
        "${aws_cloudwatch_metric_alarm.client_error.arn}",
        "${aws_cloudwatch_metric_alarm.execution_error.arn}",
        "${aws_cloudwatch_metric_alarm.integration_error.arn}",
        "${aws_cloudwatch_metric_alarm.integration_latency.arn}",
        "${aws_cloudwatch_metric_alarm.connect_rate.arn}",
        "${aws_cloudwatch_metric_alarm.message_rate.arn}",
        "${aws_cloudwatch_metric_alarm.concurrency.arn}",
        "${aws_cloudwatch_metric_alarm.app_function_errors.arn}",
        "${aws_cloudwatch_metric_alarm.app_function_throttles.arn}",
        "${aws_cloudwatch_metric_alarm.users_table_read_throttles.arn}",
        "${aws_cloudwatch_metric_alarm.users_table_write_throttles.arn}",
        "${aws_cloudwatch_metric_alarm.jobs_queue_dead_letters.arn}",
        "${aws_cloudwatch_metric_alarm.jobs_queue_age.arn}",
        "${aws_cloudwatch_metric_alarm.mail_queue_dead_letters.arn}",
        "${aws_cloudwatch_metric_alarm.mail_queue_age.arn}"${join("", formatlist(", \"%s\"", aws_cloudwatch_metric_alarm.app_function_concurrency[*].arn))}${join("", formatlist(", \"%s\"", aws_cloudwatch_metric_alarm.cost[*].arn))}
      ]}},
      {"type":"metric","x":0,"y":6,"width":8,"height":6,"properties":{"title":"Do messages and handshakes fail?","region":"${data.aws_region.current.region}","period":60,"yAxis":{"left":{"label":"part of all","min":0}},"annotations":{"horizontal":[{"label":"alarm","value":0.05,"color":"#d62728"}]},"metrics":[
        ["AWS/ApiGateway","ClientError","ApiId","${aws_apigatewayv2_api.api.id}","Stage","${var.stage_name}",{"label":"refused by API Gateway","stat":"Average"}],
        ["AWS/ApiGateway","ExecutionError","ApiId","${aws_apigatewayv2_api.api.id}","Stage","${var.stage_name}",{"label":"function not called, or crashed","stat":"Average"}],
        ["AWS/ApiGateway","IntegrationError","ApiId","${aws_apigatewayv2_api.api.id}","Stage","${var.stage_name}",{"label":"answered with 4XX or 5XX","stat":"Average"}]
      ]}},
      {"type":"metric","x":8,"y":6,"width":8,"height":6,"properties":{"title":"Do functions fail?","region":"${data.aws_region.current.region}","period":60,"yAxis":{"left":{"label":"invocations","min":0}},"metrics":[
        ["AWS/Lambda","Errors","FunctionName","${aws_lambda_function.app.function_name}",{"label":"app, failed","stat":"Sum"}],
        ["AWS/Lambda","Throttles","FunctionName","${aws_lambda_function.app.function_name}",{"label":"app, throttled","stat":"Sum"}]
      ]}},
      {"type":"metric","x":16,"y":6,"width":8,"height":6,"properties":{"title":"How long does work wait?","region":"${data.aws_region.current.region}","period":60,"yAxis":{"left":{"label":"seconds","min":0}},"annotations":{"horizontal":[{"label":"alarm of JobsQueue","value":240,"color":"#d62728"},{"label":"alarm of MailQueue","value":300,"color":"#d62728"}]},"metrics":[
        ["AWS/SQS","ApproximateAgeOfOldestMessage","QueueName","${aws_sqs_queue.jobs_queue.name}",{"label":"JobsQueue","stat":"Maximum"}],
        ["AWS/SQS","ApproximateAgeOfOldestMessage","QueueName","${aws_sqs_queue.mail_queue.name}",{"label":"MailQueue","stat":"Maximum"}]
      ]}},
      {"type":"metric","x":0,"y":12,"width":8,"height":6,"properties":{"title":"Which work was given up?","region":"${data.aws_region.current.region}","period":60,"yAxis":{"left":{"label":"messages","min":0}},"metrics":[
        ["AWS/SQS","ApproximateNumberOfMessagesVisible","QueueName","${aws_sqs_queue.jobs_queue_dead_letters.name}",{"label":"JobsQueue","stat":"Maximum"}],
        ["AWS/SQS","ApproximateNumberOfMessagesVisible","QueueName","${aws_sqs_queue.mail_queue_dead_letters.name}",{"label":"MailQueue","stat":"Maximum"}]
      ]}},
      {"type":"text","x":0,"y":18,"width":24,"height":2,"properties":{"markdown":"# Is it fast?\np99: one of a hundred takes longer.","background":"transparent"}},
      {"type":"metric","x":0,"y":20,"width":8,"height":6,"properties":{"title":"How long do clients wait for functions?","region":"${data.aws_region.current.region}","period":60,"yAxis":{"left":{"label":"milliseconds","min":0}},"annotations":{"horizontal":[{"label":"alarm","value":${var.alarm_latency},"color":"#d62728"}]},"metrics":[
        ["AWS/ApiGateway","IntegrationLatency","ApiId","${aws_apigatewayv2_api.api.id}","Stage","${var.stage_name}",{"label":"p50","stat":"p50"}],
        ["AWS/ApiGateway","IntegrationLatency","ApiId","${aws_apigatewayv2_api.api.id}","Stage","${var.stage_name}",{"label":"p99","stat":"p99"}]
      ]}},
      {"type":"metric","x":8,"y":20,"width":8,"height":6,"properties":{"title":"How long do functions run?","region":"${data.aws_region.current.region}","period":60,"yAxis":{"left":{"label":"milliseconds","min":0}},"metrics":[
        ["AWS/Lambda","Duration","FunctionName","${aws_lambda_function.app.function_name}",{"label":"app, p50","stat":"p50"}],
        ["AWS/Lambda","Duration","FunctionName","${aws_lambda_function.app.function_name}",{"label":"app, p99","stat":"p99"}]
      ]}},
      {"type":"metric","x":16,"y":20,"width":8,"height":6,"properties":{"title":"How near are the quotas?","region":"${data.aws_region.current.region}","period":60,"yAxis":{"left":{"label":"percent","min":0}},"annotations":{"horizontal":[{"label":"alarm","value":80,"color":"#d62728"}]},"metrics":[
        ["AWS/ApiGateway","ConnectCount","ApiId","${aws_apigatewayv2_api.api.id}","Stage","${var.stage_name}",{"id":"connects","stat":"Sum","visible":false}],
        [{"expression":"100 * connects / (PERIOD(connects) * ${var.connect_quota})","id":"connectspart","label":"new connections"}],
        ["AWS/ApiGateway","MessageCount","ApiId","${aws_apigatewayv2_api.api.id}","Stage","${var.stage_name}",{"id":"messages","stat":"Sum","visible":false}],
        [{"expression":"100 * messages / (PERIOD(messages) * ${var.request_quota})","id":"messagespart","label":"messages and posts"}],
        ["AWS/Lambda","ClaimedAccountConcurrency",{"id":"claimed","stat":"Maximum","visible":false}],
        [{"expression":"100 * claimed / ${var.concurrency_quota}","id":"claimedpart","label":"concurrency of the account"}]
      ]}},
      {"type":"metric","x":0,"y":26,"width":8,"height":6,"properties":{"title":"Does DynamoDB refuse requests?","region":"${data.aws_region.current.region}","period":60,"yAxis":{"left":{"label":"requests","min":0}},"metrics":[
        ["AWS/DynamoDB","ReadThrottleEvents","TableName","${aws_dynamodb_table.users_table.name}",{"label":"UsersTable, reads","stat":"Sum"}],
        ["AWS/DynamoDB","WriteThrottleEvents","TableName","${aws_dynamodb_table.users_table.name}",{"label":"UsersTable, writes","stat":"Sum"}]
      ]}},
      {"type":"text","x":0,"y":32,"width":24,"height":2,"properties":{"markdown":"# Who is connected?","background":"transparent"}},
      {"type":"metric","x":0,"y":34,"width":8,"height":6,"properties":{"title":"How many connections are new each minute?","region":"${data.aws_region.current.region}","period":60,"yAxis":{"left":{"label":"connections","min":0}},"metrics":[
        ["AWS/ApiGateway","ConnectCount","ApiId","${aws_apigatewayv2_api.api.id}","Stage","${var.stage_name}",{"label":"new","stat":"Sum"}]
      ]}},
      {"type":"metric","x":8,"y":34,"width":8,"height":6,"properties":{"title":"How many messages are there each minute?","region":"${data.aws_region.current.region}","period":60,"yAxis":{"left":{"label":"messages","min":0}},"metrics":[
        ["AWS/ApiGateway","MessageCount","ApiId","${aws_apigatewayv2_api.api.id}","Stage","${var.stage_name}",{"label":"both directions","stat":"Sum"}]
      ]}},
      {"type":"text","x":0,"y":40,"width":24,"height":2,"properties":{"markdown":"# What does it cost?\nAn estimate with the prices of US East, without logs, traffic and CloudWatch. Connection minutes are not in it: they need package observe.","background":"transparent"}},
      {"type":"metric","x":0,"y":42,"width":24,"height":6,"properties":{"title":"What would a day cost at this rate, and what most?","region":"${data.aws_region.current.region}","stacked":true,"period":3600,"yAxis":{"left":{"label":"US dollars a day","min":0}},"annotations":{"horizontal":[{"label":"DailyBudget","value":${var.daily_budget},"color":"#d62728"}]},"metrics":[
        ["AWS/ApiGateway","MessageCount","ApiId","${aws_apigatewayv2_api.api.id}","Stage","${var.stage_name}",{"id":"messages","stat":"Sum","visible":false}],
        [{"expression":"24 * 0.000001 * FILL(messages, 0)","id":"messagescost","label":"messages"}],
        ["AWS/Lambda","Duration","FunctionName","${aws_lambda_function.app.function_name}",{"id":"duration0","stat":"Sum","visible":false}],
        [{"expression":"24 * 0.00000000833335 * FILL(duration0, 0)","id":"duration0cost","label":"duration of app"}],
        ["AWS/DynamoDB","ConsumedWriteCapacityUnits","TableName","${aws_dynamodb_table.users_table.name}",{"id":"writes0","stat":"Sum","visible":false}],
        [{"expression":"24 * 0.000000625 * FILL(writes0, 0)","id":"writes0cost","label":"writes of UsersTable"}],
        ["AWS/DynamoDB","ConsumedReadCapacityUnits","TableName","${aws_dynamodb_table.users_table.name}",{"id":"reads0","stat":"Sum","visible":false}],
        [{"expression":"24 * 0.000000125 * FILL(reads0, 0)","id":"reads0cost","label":"reads of UsersTable"}],
        ["AWS/Lambda","Invocations","FunctionName","${aws_lambda_function.app.function_name}",{"id":"calls0","stat":"Sum","visible":false}],
        [{"expression":"24 * 0.0000002 * FILL(calls0, 0)","id":"calls0cost","label":"calls of app"}]
      ]}}
    ]
  }
  JSON
}

# ---- Outputs ----

output "websocket_url" {
  description = "Where clients connect."
  value       = var.domain_name == "" ? "wss://${local.host}/${var.stage_name}" : "wss://${var.domain_name}"
}

output "connections_endpoint" {
  description = "The endpoint of @connections, by which programs post to clients."
  value       = local.endpoint
}

output "api_id" {
  value = aws_apigatewayv2_api.api.id
}

output "app_function_name" {
  value = aws_lambda_function.app.function_name
}

output "users_table_name" {
  value = aws_dynamodb_table.users_table.name
}

output "jobs_queue_url" {
  value = aws_sqs_queue.jobs_queue.url
}

output "jobs_queue_dead_letters_url" {
  value = aws_sqs_queue.jobs_queue_dead_letters.url
}

output "mail_queue_url" {
  value = aws_sqs_queue.mail_queue.url
}

output "mail_queue_dead_letters_url" {
  value = aws_sqs_queue.mail_queue_dead_letters.url
}

output "http_url" {
  description = "Where HTTP requests go."
  value       = aws_lambda_function_url.http.function_url
}

output "domain_target" {
  description = "What the record of the domain points to."
  value       = one(aws_apigatewayv2_domain_name.domain[*].domain_name_configuration[0].target_domain_name)
}

output "domain_hosted_zone" {
  description = "The hosted zone of an alias record of Route 53."
  value       = one(aws_apigatewayv2_domain_name.domain[*].domain_name_configuration[0].hosted_zone_id)
}

output "alarm_topic_arn" {
  description = "The topic of the alarms, to which more can subscribe."
  value       = aws_sns_topic.alarms.arn
}

output "dashboard_name" {
  value = aws_cloudwatch_dashboard.dashboard.dashboard_name
}
