package terraform

import (
	"fmt"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
)

// accessLog adds the log group of the access log, and the role that an account needs for it.
func (w *writer) accessLog() {
	const kind, what = "aws_cloudwatch_log_group", "the access log"
	count := "var." + variable(stack.AccountLogRole) + " ? 1 : 0"
	w.heading("The access log", "")
	w.resource(kind, "access_log", what, func(b *body) {
		b.set("name", text("/aws/apigateway/", refer("var."+serviceName)))
		b.set("retention_in_days", "var."+variable(stack.LogRetention))
	})
	w.file.comment("API Gateway writes logs of WebSocket APIs by a role that an account has once in each Region. Without it the " +
		"stage fails: \"CloudWatch Logs role ARN must be set in account settings\". Other APIs may need it: if this is " +
		"destroyed, they log no more. To keep it, make Terraform forget it before:\n\n" +
		"   terraform state rm aws_api_gateway_account.account aws_iam_role.for_access_logs \\\n" +
		"     aws_iam_role_policy_attachment.for_access_logs")
	w.resource("aws_api_gateway_account", "account", what, func(b *body) {
		b.set("count", count)
		b.set("cloudwatch_role_arn", "aws_iam_role.for_access_logs[0].arn")
		b.comment("API Gateway checks at once whether the role may write logs.")
		b.set("depends_on", "[aws_iam_role_policy_attachment.for_access_logs]")
	})
	w.resource("aws_iam_role", "for_access_logs", what, func(b *body) {
		b.set("count", count)
		b.set("assume_role_policy", "data.aws_iam_policy_document.for_access_logs.json")
	})
	w.resource("aws_iam_role_policy_attachment", "for_access_logs", what, func(b *body) {
		b.set("count", count)
		b.set("role", "aws_iam_role.for_access_logs[0].name")
		b.set("policy_arn", text("arn:", refer(partition), ":iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"))
	})
	w.trust("for_access_logs", "apigateway", nil)
}

func (w *writer) domain() {
	domain, certificate := "var."+variable(stack.DomainName), "var."+variable(stack.Certificate)
	count := domain + ` == "" ? 0 : 1`
	w.heading("The domain, if there is one", "A domain of a WebSocket API is Regional, and shared with no REST or HTTP API. Its "+
		"name needs an alias or a CNAME record with the output domain_target.")
	w.resource("aws_apigatewayv2_domain_name", "domain", "the domain", func(b *body) {
		b.set("count", count)
		b.set("domain_name", domain)
		b.block("domain_name_configuration", func(b *body) {
			b.set("certificate_arn", certificate)
			b.set("endpoint_type", quote("REGIONAL"))
			b.set("security_policy", quote("TLS_1_2"))
			b.set("ip_address_type", quote("dualstack"))
		})
		b.block("lifecycle", func(b *body) {
			b.block("precondition", func(b *body) {
				b.set("condition", certificate+` != ""`)
				b.set("error_message", quote("A domain needs a certificate: set the variable "+variable(stack.Certificate)+"."))
			})
		})
	})
	w.resource("aws_apigatewayv2_api_mapping", "domain", "the domain", func(b *body) {
		b.set("count", count)
		b.set("api_id", apiID)
		b.set("domain_name", "aws_apigatewayv2_domain_name.domain[0].id")
		b.set("stage", "aws_apigatewayv2_stage.stage.id")
	})
}

func (w *writer) outputs() {
	domain := "var." + variable(stack.DomainName)
	w.heading("Outputs", "")
	w.output("websocket_url", "Where clients connect.", fmt.Sprintf(`%s == "" ? %s : %s`, domain,
		text("wss://", refer("local.host"), "/", refer(stageName)), text("wss://", refer(domain))))
	w.output("connections_endpoint", "The endpoint of @connections, by which programs post to clients.", "local.endpoint")
	w.output("api_id", "", apiID)
	for _, f := range w.plan.Functions {
		w.output(label(f.ID)+"_function_name", "", "aws_lambda_function."+label(f.ID)+".function_name")
	}
	for _, t := range w.plan.Tables {
		w.output(label(t.ID)+"_name", "", "aws_dynamodb_table."+label(t.ID)+".name")
	}
	for _, q := range w.plan.Queues {
		w.output(label(q.ID)+"_url", "", "aws_sqs_queue."+label(q.ID)+".url")
		w.output(label(q.ID)+"_dead_letters_url", "", "aws_sqs_queue."+label(q.ID)+"_dead_letters.url")
	}
	for _, s := range w.plan.SourcesOf("http") {
		w.output(label(s.ID)+"_url", "Where HTTP requests go.", "aws_lambda_function_url."+label(s.ID)+".function_url")
	}
	const configuration = "one(aws_apigatewayv2_domain_name.domain[*].domain_name_configuration[0]."
	w.output("domain_target", "What the record of the domain points to.", configuration+"target_domain_name)")
	w.output("domain_hosted_zone", "The hosted zone of an alias record of Route 53.", configuration+"hosted_zone_id)")
	if w.plan.Watch != nil {
		w.output("alarm_topic_arn", "The topic of the alarms, to which more can subscribe.", "aws_sns_topic.alarms.arn")
		w.output("dashboard_name", "", "aws_cloudwatch_dashboard.dashboard.dashboard_name")
	}
}

// output adds an output, with a description unless it is empty.
func (w *writer) output(name, description, value string) {
	w.claim("output."+name, "an output")
	w.file.block(fmt.Sprintf("output %q", name), func(b *body) {
		if description != "" {
			b.set("description", quote(description))
		}
		b.set("value", value)
	})
}
