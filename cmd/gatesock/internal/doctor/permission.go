package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const gatewayService = "apigateway.amazonaws.com"

// invoked is a way by which the API calls a function.
type invoked struct {
	function functionName
	subject  string // the route or the authorizer
	path     string // of its ARN, after the API's ID
	role     string // that API Gateway takes; empty if the function's policy decides
}

// invocations returns the ways by which the API calls the application's functions.
func (x *examination) invocations() []invoked {
	var all []invoked
	for _, described := range x.app.Routes {
		i := x.integrationOf(described.Key)
		if i == nil {
			continue
		}
		if f, err := x.called(i); err == nil {
			all = append(all, invoked{f, described.Key, x.target.Stage + "/" + described.Key, aws.ToString(i.CredentialsArn)})
		}
	}
	if a, ok := x.connectAuthorizer(); ok && x.app.Authorizer != nil {
		if f, err := calledFunction(aws.ToString(a.AuthorizerUri), x.stageVariables()); err == nil {
			path := "authorizers/" + aws.ToString(a.AuthorizerId)
			all = append(all, invoked{f, "the authorizer", path, aws.ToString(a.AuthorizerCredentialsArn)})
		}
	}
	return all
}

// checkPermissions checks that the policies of the functions let the API call them.
func (x *examination) checkPermissions() {
	for _, call := range x.invocations() {
		f := x.functions[call.function.String()]
		if f == nil || f.state == absent || !f.policied {
			continue
		}
		if call.role != "" {
			x.report.leaveOut("the rights of the role by which the API calls the function: " + call.role)
			continue
		}
		x.checkPermission(f, call)
	}
	for _, name := range sortedKeys(x.functions) {
		x.checkWidth(x.functions[name])
	}
}

func (x *examination) checkPermission(f *function, call invoked) {
	source := fmt.Sprintf("arn:%s:execute-api:%s:%s:%s/%s", f.partition, x.region(f), f.account, x.target.API, call.path)
	finding := Finding{
		Level: Error, Part: PartPermissions, Check: "permission-missing", Subjects: []string{call.subject},
		Problem: fmt.Sprintf("the policy of the function %s does not let the API call it", f),
		Effect:  "Messages get the frame {\"message\": \"Internal server error\", …}; handshakes fail.",
		Fix: fmt.Sprintf("Add an AWS::Lambda::Permission for %s with the SourceArn arn:%s:execute-api:%s:%s:%s/*%s.",
			gatewayService, f.partition, x.region(f), f.account, x.target.API, ofQualifier(f)),
	}
	switch f.policy.judge(caller{gatewayService, source, f.account}) {
	case refused:
		x.report.add(finding)
	case unclear:
		finding.Level, finding.Check = Note, "permission-unclear"
		finding.Problem = fmt.Sprintf("the policy of the function %s has a condition that is not evaluated here", f)
		finding.Effect = "The API may not be allowed to call the function."
		finding.Fix = "Check the condition: aws lambda get-policy --function-name " + f.String()
		x.report.add(finding)
	case allowed:
	}
}

// ofQualifier returns what to mind about the permission of an alias.
func ofQualifier(f *function) string {
	if f.qualifier == "" {
		return ""
	}
	return fmt.Sprintf(", on the alias or version %s: a permission of the function does not count for it", f.qualifier)
}

// region returns the region of the API.
func (x *examination) region(f *function) string {
	if x.target.Region != "" {
		return x.target.Region
	}
	return f.region
}

func (x *examination) checkWidth(f *function) {
	if !f.policied || !f.policy.unconditional(gatewayService) {
		return
	}
	x.report.add(Finding{
		Level: Warning, Part: PartPermissions, Check: "permission-wide", Subjects: []string{f.String()},
		Problem: "the policy lets every API of every account call the function",
		Effect:  "Anyone with an AWS account can send it events with a principal of their choice.",
		Fix:     "Set the permission's SourceArn to that of this API.",
	})
}

// mayInvoke reports whether the policy of one of the functions lets a service call it for a source.
func (x *examination) mayInvoke(service, source string) (ok, known bool) {
	for _, f := range x.functions {
		if f.state != present || !f.policied {
			continue
		}
		known = true
		if f.policy.judge(caller{service, source, f.account}) != refused {
			return true, true
		}
		if source == "" && f.policy != nil && slices.ContainsFunc(f.policy.Statement, func(s statement) bool {
			return s.Effect == "Allow" && s.concerns(service)
		}) {
			return true, true
		}
	}
	return false, known
}

// isARN reports whether a name is an ARN.
func isARN(name string) bool { return strings.HasPrefix(name, "arn:") }
