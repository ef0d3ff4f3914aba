module.exports = () => "whole";
