package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
)

// checkAPI reports whether there is an API to examine.
func (x *examination) checkAPI() bool {
	switch x.api.state {
	case absent:
		x.report.add(Finding{
			Level: Error, Part: PartAPI, Check: "api-missing", Subjects: []string{x.target.API},
			Problem: "there is no such API in this region",
			Effect:  "Nothing else was checked.",
			Fix:     "Check --api, --region and --profile. aws apigatewayv2 get-apis lists the APIs.",
		})
		return false
	case unread:
		x.report.add(Finding{
			Level: Error, Part: PartAPI, Check: "api-unread", Subjects: []string{x.target.API},
			Problem: "the API could not be read",
			Effect:  "Most checks need it.",
			Fix:     "Allow the IAM action " + getAPI + " on arn:aws:apigateway:*::/apis/" + x.target.API + " and what is below.",
		})
		return true
	case present:
	}
	if x.api.ProtocolType != types.ProtocolTypeWebsocket {
		x.report.add(Finding{
			Level: Error, Part: PartAPI, Check: "api-protocol", Subjects: []string{x.target.API},
			Problem: fmt.Sprintf("the API has the protocol %s", x.api.ProtocolType),
			Effect:  "Clients cannot open WebSocket connections. Nothing else was checked.",
			Fix:     "Name the WebSocket API. aws apigatewayv2 get-apis lists the APIs.",
		})
		return false
	}
	x.checkSelection()
	return true
}

// checkSelection compares the route selection expression with the name of the action.
func (x *examination) checkSelection() {
	got, want := aws.ToString(x.api.RouteSelectionExpression), "$request.body."+x.app.Envelope.Action
	if got == want || got == "${request.body."+x.app.Envelope.Action+"}" {
		return
	}
	x.report.add(Finding{
		Level: Error, Part: PartAPI, Check: "route-selection",
		Problem: fmt.Sprintf("the route selection expression is %s, and the application expects %s", oneLine(got), want),
		Effect:  "Messages reach a wrong route, $default or none.",
		Fix:     fmt.Sprintf("Set RouteSelectionExpression to %s, or change the application's envelope.", want),
	})
}

// checkStage checks the stage and its deployment.
func (x *examination) checkStage() {
	switch x.api.stageState {
	case absent:
		x.report.add(Finding{
			Level: Error, Part: PartStage, Check: "stage-missing", Subjects: []string{x.target.Stage},
			Problem: "the API has no such stage",
			Effect:  "Clients cannot connect.",
			Fix:     "Check --stage, or deploy the stage. aws apigatewayv2 get-stages lists the stages.",
		})
		return
	case unread:
		return
	case present:
	}
	x.checkDeployment()
	x.checkThrottles()
	x.checkLogs()
}

// stageFinding adds a finding about the stage.
func (x *examination) stageFinding(level Level, check, problem, effect, fix string) {
	x.report.add(Finding{
		Level: level, Part: PartStage, Check: check, Subjects: []string{x.target.Stage},
		Problem: problem, Effect: effect, Fix: fix,
	})
}

const redeploy = "Make a deployment and set it on the stage (aws apigatewayv2 create-deployment --stage-name), or set AutoDeploy."

func (x *examination) checkDeployment() {
	s := x.api.stage
	if message := aws.ToString(s.LastDeploymentStatusMessage); strings.Contains(strings.ToLower(message), "failed") {
		x.stageFinding(Error, "deployment-failed", "its last deployment failed: "+oneLine(message),
			"The stage serves an earlier state of the API.", "Correct what the message names, and deploy again.")
		return
	}
	id := aws.ToString(s.DeploymentId)
	if id == "" {
		x.stageFinding(Error, "deployment-missing", "it has no deployment", "The stage serves nothing.", redeploy)
		return
	}
	if !x.api.deployed {
		return
	}
	at := slices.IndexFunc(x.api.deployments, func(d types.Deployment) bool { return aws.ToString(d.DeploymentId) == id })
	if at < 0 {
		x.stageFinding(
			Error, "deployment-missing", "its deployment "+id+" does not exist", "The stage serves nothing.", redeploy,
		)
		return
	}
	x.checkDeployed(x.api.deployments[at])
}

// checkDeployed checks the deployment of the stage.
func (x *examination) checkDeployed(d types.Deployment) {
	switch d.DeploymentStatus {
	case types.DeploymentStatusFailed:
		x.stageFinding(Error, "deployment-failed", "its deployment failed: "+oneLine(aws.ToString(d.DeploymentStatusMessage)),
			"The stage does not serve the API as it is defined.", "Correct what the message names, and deploy again.")
		return
	case types.DeploymentStatusPending:
		x.stageFinding(Note, "deployment-pending", "its deployment is under way",
			"The stage serves an earlier state of the API.", "Wait a minute, and run the command again.")
		return
	case types.DeploymentStatusDeployed:
	}
	if aws.ToBool(x.api.stage.AutoDeploy) || d.CreatedDate == nil {
		return
	}
	newer := slices.ContainsFunc(x.api.deployments, func(o types.Deployment) bool {
		return o.CreatedDate != nil && o.CreatedDate.After(*d.CreatedDate)
	})
	const effect = "Changes of routes, integrations and responses have no effect yet."
	switch {
	case newer:
		x.stageFinding(Warning, "deployment-old", "it does not serve the newest deployment", effect,
			"Set the newest deployment on the stage (aws apigatewayv2 update-stage --deployment-id), unless you rolled back.")
	case x.target.changed.After(*d.CreatedDate):
		x.stageFinding(
			Warning, "deployment-stale", "the API was changed after its deployment, and AutoDeploy is off", effect, redeploy,
		)
	case x.target.changed.IsZero():
		x.report.leaveOut(
			"whether the API was changed after its deployment: AutoDeploy is off, and only a stack (--stack) knows when",
		)
	}
}

func (x *examination) checkThrottles() {
	s := x.api.stage
	settings := map[string]types.RouteSettings{"the default of all routes": {}}
	if s.DefaultRouteSettings != nil {
		settings["the default of all routes"] = *s.DefaultRouteSettings
	}
	for key, set := range s.RouteSettings {
		settings["the route "+key] = set
	}
	for of, set := range settings {
		if isZero(set.ThrottlingRateLimit) || isZero(set.ThrottlingBurstLimit) {
			x.report.add(Finding{
				Level: Error, Part: PartStage, Check: "throttle-zero", Subjects: []string{of},
				Problem: "the throttle is 0",
				Effect:  "The gateway refuses everything with 429.",
				Fix: "Set ThrottlingRateLimit and ThrottlingBurstLimit. Terraform sets 0 for what default_route_settings " +
					"leaves out.",
			})
		}
		if aws.ToBool(set.DataTraceEnabled) {
			x.report.add(Finding{
				Level: Warning, Part: PartStage, Check: "data-trace", Subjects: []string{of},
				Problem: "data trace is on",
				Effect:  "The execution log has all messages and headers, with the credentials in them, and costs by its size.",
				Fix:     "Set DataTraceEnabled to false.",
			})
		}
	}
	if d := settings["the default of all routes"]; d.ThrottlingRateLimit == nil || d.ThrottlingBurstLimit == nil {
		x.stageFinding(Note, "throttle-unset", "it has no throttle of its own",
			"The clients of this stage may use up the quota of the account, which all APIs and @connections calls share.",
			"Set ThrottlingRateLimit and ThrottlingBurstLimit in DefaultRouteSettings.")
	}
}

func isZero[T int32 | float64](n *T) bool { return n != nil && *n == 0 }

func (x *examination) checkLogs() {
	logs := x.api.stage.AccessLogSettings
	if logs == nil || aws.ToString(logs.DestinationArn) == "" || aws.ToString(logs.Format) == "" {
		x.stageFinding(Warning, "access-log", "it has no access log",
			"What the gateway refuses by itself, such as throttled handshakes and unknown routes, leaves no trace.",
			"Set AccessLogSettings, with a log group and a format in JSON.")
	}
}
