# gatesock template sha256=2caab8f850dd722ba5bdc4379f5f23db170473c4982e6ddca274f739d3274939
# Made from the program. Change the program, or the options of the command, and make it again: the
# command does not overwrite a file that has been edited.
#
# Build the program and deploy it. Terraform asks for the variables that have no default; the Region
# and the credentials are those of the AWS CLI.
#
#    CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -tags lambda.norpc -trimpath -o dist/bootstrap .
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
  default     = "jobs"
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

variable "work_reserved_concurrency" {
  description = "How many invocations of the function work run at once, at most. 0 for no limit of its own."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.work_reserved_concurrency >= 0 && var.work_reserved_concurrency <= 100000 && floor(var.work_reserved_concurrency) == var.work_reserved_concurrency
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

# ---- Where it is deployed ----

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  host = "${aws_apigatewayv2_api.api.id}.execute-api.${data.aws_region.current.region}.${data.aws_partition.current.dns_suffix}"

  # The endpoint of @connections, by which programs post to clients.
  endpoint = "https://${local.host}/${var.stage_name}"
}

# ---- The API ----

resource "aws_apigatewayv2_api" "api" {
  name          = var.deployment_name
  description   = "jobs, a WebSocket service made with gatesock."
  protocol_type = "WEBSOCKET"

  # The member of a message that names its route.
  route_selection_expression = "$request.body.action"

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

# ---- Routes ----
#
# A route that answers needs both a route_response_selection_expression and an
# aws_apigatewayv2_route_response with the key $default; without one of them API Gateway drops the
# answers (API Gateway Developer Guide, "Set up route responses for WebSocket APIs in API Gateway").

resource "aws_apigatewayv2_route" "connect" {
  api_id    = aws_apigatewayv2_api.api.id
  route_key = "$connect"
  target    = "integrations/${aws_apigatewayv2_integration.app.id}"
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

resource "aws_apigatewayv2_route" "report" {
  api_id                              = aws_apigatewayv2_api.api.id
  route_key                           = "report"
  target                              = "integrations/${aws_apigatewayv2_integration.app.id}"
  route_response_selection_expression = "$default"
}

resource "aws_apigatewayv2_route_response" "report" {
  api_id             = aws_apigatewayv2_api.api.id
  route_id           = aws_apigatewayv2_route.report.id
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
  function_name    = "${var.deployment_name}-app"
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = ["arm64"]
  filename         = var.zip_file
  source_code_hash = filebase64sha256(var.zip_file)
  role             = aws_iam_role.app.arn
  memory_size      = 256

  # API Gateway waits for an answer for 29 seconds, whatever the timeout is.
  timeout                        = 120
  reserved_concurrent_executions = var.app_reserved_concurrency == 0 ? -1 : var.app_reserved_concurrency

  # Each change publishes a version, to which the alias points.
  publish = var.app_provisioned_concurrency > 0

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.app.name
  }

  environment {
    variables = {
      FANOUT_QUEUE     = aws_sqs_queue.fanout_queue.url
      GATEWAY_ENDPOINT = local.endpoint
      JOBS_QUEUE       = aws_sqs_queue.jobs_queue.url
      TABLE            = aws_dynamodb_table.table.name
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
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
      "sqs:SendMessage",
    ]

    resources = [aws_sqs_queue.fanout_queue.arn]
  }

  statement {
    actions = [
      "execute-api:ManageConnections",
    ]

    resources = ["${aws_apigatewayv2_api.api.execution_arn}/${var.stage_name}/*/@connections/*"]
  }

  statement {
    actions = [
      "sqs:SendMessage",
    ]

    resources = [aws_sqs_queue.jobs_queue.arn]
  }

  statement {
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:DeleteItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ]

    resources = [aws_dynamodb_table.table.arn]
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

# ---- The function work ----

resource "aws_lambda_function" "work" {
  function_name                  = "${var.deployment_name}-work"
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = ["arm64"]
  filename                       = var.zip_file
  source_code_hash               = filebase64sha256(var.zip_file)
  role                           = aws_iam_role.work.arn
  memory_size                    = 256
  timeout                        = 120
  reserved_concurrent_executions = var.work_reserved_concurrency == 0 ? -1 : var.work_reserved_concurrency

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.work.name
  }

  environment {
    variables = {
      FANOUT_QUEUE     = aws_sqs_queue.fanout_queue.url
      GATEWAY_ENDPOINT = local.endpoint
      JOBS_QUEUE       = aws_sqs_queue.jobs_queue.url
      TABLE            = aws_dynamodb_table.table.name
    }
  }
}

resource "aws_cloudwatch_log_group" "work" {
  name              = "/aws/lambda/${var.deployment_name}-work"
  retention_in_days = var.log_retention_days
}

resource "aws_iam_role" "work" {
  name               = "${var.deployment_name}-work"
  assume_role_policy = data.aws_iam_policy_document.for_functions.json
}

resource "aws_iam_role_policy" "work" {
  name   = "function"
  role   = aws_iam_role.work.id
  policy = data.aws_iam_policy_document.work_function.json
}

data "aws_iam_policy_document" "work_function" {
  statement {
    actions = [
      "logs:CreateLogStream",
      "logs:PutLogEvents",
    ]

    resources = ["${aws_cloudwatch_log_group.work.arn}:*"]
  }

  statement {
    actions = [
      "sqs:SendMessage",
    ]

    resources = [aws_sqs_queue.fanout_queue.arn]
  }

  statement {
    actions = [
      "execute-api:ManageConnections",
    ]

    resources = ["${aws_apigatewayv2_api.api.execution_arn}/${var.stage_name}/*/@connections/*"]
  }

  statement {
    actions = [
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
      "sqs:SendMessage",
    ]

    resources = [aws_sqs_queue.jobs_queue.arn]
  }

  statement {
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:DeleteItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ]

    resources = [aws_dynamodb_table.table.arn]
  }
}

# The function sends messages to a queue that it reads. Lambda would end such a chain after about 16
# invocations (AWS Lambda Developer Guide, "Use Lambda recursive loop detection to prevent infinite
# loops"); the program limits its length itself.
resource "aws_lambda_function_recursion_config" "work" {
  function_name  = aws_lambda_function.work.function_name
  recursive_loop = "Allow"
}

# ---- The table of TABLE ----

# Terraform refuses to destroy or replace it, because nothing else has its contents. To destroy
# everything else, make Terraform forget the table before:
#
#    terraform state rm aws_dynamodb_table.table
resource "aws_dynamodb_table" "table" {
  name                        = "${var.deployment_name}-table"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = true

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  # Without it nothing expires, and the table grows for ever.
  ttl {
    attribute_name = "exp"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  lifecycle {
    prevent_destroy = true
  }
}

# ---- The queue of FANOUT_QUEUE ----

resource "aws_sqs_queue" "fanout_queue" {
  # The program recognizes the queue by its name, so a Region can have one such deployment.
  name = "fanout"

  # At least six times the timeout of the function that reads the queue (AWS Lambda Developer Guide,
  # "Creating and configuring an Amazon SQS event source mapping").
  visibility_timeout_seconds = 720

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.fanout_queue_dead_letters.arn
    maxReceiveCount     = 5
  })
}

# What failed 5 times, for 14 days.
resource "aws_sqs_queue" "fanout_queue_dead_letters" {
  name                      = "${var.deployment_name}-fanout-queue-dead-letters"
  message_retention_seconds = 1209600
}

# ---- The queue of JOBS_QUEUE ----

resource "aws_sqs_queue" "jobs_queue" {
  # The program recognizes the queue by its name, so a Region can have one such deployment.
  name = "jobs"

  # At least six times the timeout of the function that reads the queue (AWS Lambda Developer Guide,
  # "Creating and configuring an Amazon SQS event source mapping").
  visibility_timeout_seconds = 720

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

# ---- What else calls the functions ----

# One message at a time: the jobs of a batch would share the time of one invocation.
resource "aws_lambda_event_source_mapping" "jobs_queue" {
  event_source_arn        = aws_sqs_queue.jobs_queue.arn
  function_name           = aws_lambda_function.work.arn
  batch_size              = 1
  function_response_types = ["ReportBatchItemFailures"]

  # Lambda checks at once whether the function may read it.
  depends_on = [aws_iam_role_policy.work]
}

# One message at a time: the jobs of a batch would share the time of one invocation.
resource "aws_lambda_event_source_mapping" "fanout_queue" {
  event_source_arn        = aws_sqs_queue.fanout_queue.arn
  function_name           = aws_lambda_function.app.arn
  batch_size              = 1
  function_response_types = ["ReportBatchItemFailures"]

  # Lambda checks at once whether the function may read it.
  depends_on = [aws_iam_role_policy.app]
}

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
# None yet.

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

output "work_function_name" {
  value = aws_lambda_function.work.function_name
}

output "table_name" {
  value = aws_dynamodb_table.table.name
}

output "fanout_queue_url" {
  value = aws_sqs_queue.fanout_queue.url
}

output "fanout_queue_dead_letters_url" {
  value = aws_sqs_queue.fanout_queue_dead_letters.url
}

output "jobs_queue_url" {
  value = aws_sqs_queue.jobs_queue.url
}

output "jobs_queue_dead_letters_url" {
  value = aws_sqs_queue.jobs_queue_dead_letters.url
}

output "domain_target" {
  description = "What the record of the domain points to."
  value       = one(aws_apigatewayv2_domain_name.domain[*].domain_name_configuration[0].target_domain_name)
}

output "domain_hosted_zone" {
  description = "The hosted zone of an alias record of Route 53."
  value       = one(aws_apigatewayv2_domain_name.domain[*].domain_name_configuration[0].hosted_zone_id)
}
