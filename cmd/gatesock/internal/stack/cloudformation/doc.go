// Package cloudformation writes plans of deployments as templates of CloudFormation: plain ones,
// and ones for SAM (AWS Serverless Application Model).
//
// The texts of templates are in the folder text, as Go templates. Everything that comes from the
// program is quoted there, or has been checked by package stack.
package cloudformation
