package terraform

import (
	"fmt"
	"strconv"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
)

// integrationTimeout is the timeout of an integration in seconds.
const integrationTimeout = 29

// invokeARN returns the URI by which API Gateway invokes a function: that of its alias, if it has
// provisioned concurrency.
func invokeARN(f *stack.Function) string {
	name := label(f.ID)
	if f.ProvisionedConcurrency == "" {
		return "aws_lambda_function." + name + ".invoke_arn"
	}
	return fmt.Sprintf("coalesce(one(aws_lambda_alias.%[1]s[*].invoke_arn), aws_lambda_function.%[1]s.invoke_arn)", name)
}

// qualifier returns the name of the alias that API Gateway invokes, or null without one. It is
// empty for a function that never has one.
func qualifier(f *stack.Function) string {
	if f.ProvisionedConcurrency == "" {
		return ""
	}
	return "one(aws_lambda_alias." + label(f.ID) + "[*].name)"
}

func (w *writer) functions() {
	w.heading("The functions", "")
	w.file.comment("Lambda takes the roles of functions.")
	w.trust("for_functions", "lambda", nil)
	for i := range w.plan.Functions {
		f := &w.plan.Functions[i]
		w.heading("The function "+f.Name, "")
		w.function(f)
		w.resource("aws_cloudwatch_log_group", label(f.ID), "the function "+f.Name, func(b *body) {
			b.set("name", text("/aws/lambda/", refer("var."+serviceName), "-", f.Name))
			b.set("retention_in_days", "var."+variable(stack.LogRetention))
		})
		w.role(f)
		if f.RecursiveLoop {
			w.recursiveLoop(f)
		}
		if f.ProvisionedConcurrency != "" {
			w.alias(f)
		}
	}
}

func (w *writer) function(f *stack.Function) {
	w.resource("aws_lambda_function", label(f.ID), "the function "+f.Name, func(b *body) {
		b.set("function_name", named("-"+f.Name))
		b.set("runtime", quote("provided.al2023"))
		b.set("handler", quote("bootstrap"))
		b.set("architectures", "["+quote(f.Architecture)+"]")
		b.set("filename", "var."+zipFile)
		b.set("source_code_hash", "filebase64sha256(var."+zipFile+")")
		b.set("role", "aws_iam_role."+label(f.ID)+".arn")
		b.set("memory_size", strconv.Itoa(f.Memory))
		if len(f.Routes) > 0 && f.Timeout > integrationTimeout {
			b.comment("API Gateway waits for an answer for 29 seconds, whatever the timeout is.")
		}
		b.set("timeout", strconv.Itoa(f.Timeout))
		b.set("reserved_concurrent_executions", reserved(f))
		if f.ProvisionedConcurrency != "" {
			b.comment("Each change publishes a version, to which the alias points.")
			b.set("publish", "var."+variable(f.ProvisionedConcurrency)+" > 0")
		}
		b.block("logging_config", func(b *body) {
			b.set("log_format", quote("Text"))
			b.set("log_group", "aws_cloudwatch_log_group."+label(f.ID)+".name")
		})
		if len(f.Variables) > 0 {
			b.block("environment", func(b *body) {
				b.set("variables", object(func(b *body) {
					for _, v := range f.Variables {
						b.set(v.Name, value(v.Value))
					}
				}))
			})
		}
	})
}

// reserved returns the reserved concurrency: that of the variable, or -1 for none.
func reserved(f *stack.Function) string {
	ref := "var." + variable(f.ReservedConcurrency)
	return fmt.Sprintf("%[1]s == 0 ? -1 : %[1]s", ref)
}

// value returns the value of a variable of the environment.
func value(r stack.Resource) string {
	switch r.Kind {
	case stack.Connections:
		return "local.endpoint"
	case stack.TableKind:
		return "aws_dynamodb_table." + label(r.ID) + ".name"
	case stack.QueueKind:
		return "aws_sqs_queue." + label(r.ID) + ".url"
	case stack.IoTKind:
		return text("https://", refer("data.aws_iot_endpoint.data.endpoint_address"))
	case stack.Literal:
		return quote(r.Name)
	default:
		return "var." + variable(r.Parameter)
	}
}

// role adds the role of a function, with its rights.
func (w *writer) role(f *stack.Function) {
	name, what := label(f.ID), "the function "+f.Name
	w.resource("aws_iam_role", name, what, func(b *body) {
		b.set("name", named("-"+f.Name))
		b.set("assume_role_policy", "data.aws_iam_policy_document.for_functions.json")
	})
	w.resource("aws_iam_role_policy", name, what, func(b *body) {
		b.set("name", quote("function"))
		b.set("role", "aws_iam_role."+name+".id")
		b.set("policy", "data.aws_iam_policy_document."+name+"_function.json")
	})
	w.resource("data.aws_iam_policy_document", name+"_function", what, func(b *body) {
		statement(b, []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			text(refer("aws_cloudwatch_log_group."+name+".arn"), ":*"))
		for _, r := range f.Rights {
			statement(b, r.Actions, arn(r.On))
		}
	})
}

// statement adds a statement that allows actions on a resource.
func statement(b *body, actions []string, resource string) {
	b.block("statement", func(b *body) {
		b.set("actions", list(quoteAll(actions)...))
		b.set("resources", "["+resource+"]")
	})
}

// trust adds the policy by which a service may take a role, if it does so for one of some ARNs.
func (w *writer) trust(name, service string, sources []string) {
	w.resource("data.aws_iam_policy_document", name, "the service "+service, func(b *body) {
		b.block("statement", func(b *body) {
			b.set("actions", "["+quote("sts:AssumeRole")+"]")
			b.block("principals", func(b *body) {
				b.set("type", quote("Service"))
				b.set("identifiers", "["+quote(service+".amazonaws.com")+"]")
			})
			if sources != nil {
				b.block("condition", func(b *body) {
					b.set("test", quote("StringEquals"))
					b.set("variable", quote("aws:SourceArn"))
					b.set("values", list(sources...))
				})
			}
		})
	})
}

// arn returns the ARN of a resource.
func arn(r stack.Resource) string {
	here := func(service, name string) string {
		return text("arn:", refer(partition), ":"+service+":", refer(region), ":", refer(account), ":"+escape(name))
	}
	switch {
	case r.Kind == stack.Connections:
		return text(refer(executionARN), "/", refer(stageName), "/*/@connections/*")
	case r.Kind == stack.TableKind:
		return "aws_dynamodb_table." + label(r.ID) + ".arn"
	case r.Kind == stack.TableStream && r.ID != "":
		return "aws_dynamodb_table." + label(r.ID) + ".stream_arn"
	case r.ID != "":
		return "aws_sqs_queue." + label(r.ID) + ".arn"
	case r.Parameter != "":
		return "var." + variable(r.Parameter)
	case r.ARN != "":
		return quote(r.ARN)
	case r.Kind == stack.StreamKind:
		return here("kinesis", "stream/"+r.Name)
	case r.Kind == stack.DeviceTopic:
		return here("iot", "topic/"+r.Name)
	case r.Kind == stack.TopicKind:
		return here("sns", r.Name)
	default:
		return here("sqs", r.Name)
	}
}

func (w *writer) recursiveLoop(f *stack.Function) {
	w.file.comment("The function sends messages to a queue that it reads. Lambda would end such a chain after about 16 " +
		`invocations (AWS Lambda Developer Guide, "Use Lambda recursive loop detection to prevent infinite loops"); the ` +
		"program limits its length itself.")
	w.resource("aws_lambda_function_recursion_config", label(f.ID), "the function "+f.Name, func(b *body) {
		b.set("function_name", "aws_lambda_function."+label(f.ID)+".function_name")
		b.set("recursive_loop", quote("Allow"))
	})
}

// alias adds the alias of a function, which exists if it has provisioned concurrency.
func (w *writer) alias(f *stack.Function) {
	name, what := label(f.ID), "the function "+f.Name
	provisioned := "var." + variable(f.ProvisionedConcurrency)
	w.file.comment("Environments can be kept ready for an alias only, which points to a published version.")
	w.resource("aws_lambda_alias", name, what, func(b *body) {
		b.set("count", provisioned+" > 0 ? 1 : 0")
		b.set("name", quote("live"))
		b.set("function_name", "aws_lambda_function."+name+".function_name")
		b.set("function_version", "aws_lambda_function."+name+".version")
		b.comment("What uses the alias leaves it before it is destroyed.")
		b.block("lifecycle", func(b *body) { b.set("create_before_destroy", "true") })
	})
	w.resource("aws_lambda_provisioned_concurrency_config", name, what, func(b *body) {
		b.set("count", provisioned+" > 0 ? 1 : 0")
		b.set("function_name", "aws_lambda_alias."+name+"[0].function_name")
		b.set("qualifier", "aws_lambda_alias."+name+"[0].name")
		b.set("provisioned_concurrent_executions", provisioned)
	})
}
