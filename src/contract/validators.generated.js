/** Validators of request bodies, generated from schemas.ts by compile-validators.ts. Do not edit. */
"use strict";
export const validateScoreRequest = validate20;
const schema31 = {"$id":"validateScoreRequest","type":"object","description":"One row to score.","additionalProperties":false,"required":["features"],"properties":{"features":{"type":"array","description":"Raw feature values, one for each feature of the model. null is a missing value; true is 1, and false is 0. NaN, which is not JSON but which Python's json module writes, is read as null.","maxItems":100000,"items":{"type":["number","boolean","null"]}},"feature_names":{"type":["array","null"],"description":"The names of `features`, in the same order. Any order of the model's names is accepted. If absent, null or empty, the features are in the model's order.","maxItems":100000,"items":{"type":"string","maxLength":256}},"request_id":{"type":["string","null"],"description":"The client's identifier of the row, repeated in the answer. If absent or null, the server creates one. Its length counts UTF-16 code units, of which a character beyond the basic plane has two.","maxLength":256}}};

function validate20(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
/*# sourceURL="validateScoreRequest" */;
let vErrors = null;
let errors = 0;
const evaluated0 = validate20.evaluated;
if(evaluated0.dynamicProps){
evaluated0.props = undefined;
}
if(evaluated0.dynamicItems){
evaluated0.items = undefined;
}
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
let missing0;
if((data.features === undefined) && (missing0 = "features")){
validate20.errors = [{instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: missing0},message:"must have required property '"+missing0+"'"}];
return false;
}
else {
const _errs1 = errors;
for(const key0 in data){
if(!(((key0 === "features") || (key0 === "feature_names")) || (key0 === "request_id"))){
validate20.errors = [{instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs1 === errors){
if(data.features !== undefined){
let data0 = data.features;
const _errs2 = errors;
if(errors === _errs2){
if(Array.isArray(data0)){
if(data0.length > 100000){
validate20.errors = [{instancePath:instancePath+"/features",schemaPath:"#/properties/features/maxItems",keyword:"maxItems",params:{limit: 100000},message:"must NOT have more than 100000 items"}];
return false;
}
else {
var valid1 = true;
const len0 = data0.length;
for(let i0=0; i0<len0; i0++){
let data1 = data0[i0];
const _errs4 = errors;
if(((!((typeof data1 == "number") && (isFinite(data1)))) && (typeof data1 !== "boolean")) && (data1 !== null)){
validate20.errors = [{instancePath:instancePath+"/features/" + i0,schemaPath:"#/properties/features/items/type",keyword:"type",params:{type: schema31.properties.features.items.type},message:"must be number,boolean,null"}];
return false;
}
var valid1 = _errs4 === errors;
if(!valid1){
break;
}
}
}
}
else {
validate20.errors = [{instancePath:instancePath+"/features",schemaPath:"#/properties/features/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs2 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.feature_names !== undefined){
let data2 = data.feature_names;
const _errs6 = errors;
if((!(Array.isArray(data2))) && (data2 !== null)){
validate20.errors = [{instancePath:instancePath+"/feature_names",schemaPath:"#/properties/feature_names/type",keyword:"type",params:{type: schema31.properties.feature_names.type},message:"must be array,null"}];
return false;
}
if(errors === _errs6){
if(Array.isArray(data2)){
if(data2.length > 100000){
validate20.errors = [{instancePath:instancePath+"/feature_names",schemaPath:"#/properties/feature_names/maxItems",keyword:"maxItems",params:{limit: 100000},message:"must NOT have more than 100000 items"}];
return false;
}
else {
var valid2 = true;
const len1 = data2.length;
for(let i1=0; i1<len1; i1++){
let data3 = data2[i1];
const _errs8 = errors;
if(errors === _errs8){
if(typeof data3 === "string"){
if(data3.length > 256){
validate20.errors = [{instancePath:instancePath+"/feature_names/" + i1,schemaPath:"#/properties/feature_names/items/maxLength",keyword:"maxLength",params:{limit: 256},message:"must NOT have more than 256 characters"}];
return false;
}
}
else {
validate20.errors = [{instancePath:instancePath+"/feature_names/" + i1,schemaPath:"#/properties/feature_names/items/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
}
var valid2 = _errs8 === errors;
if(!valid2){
break;
}
}
}
}
}
var valid0 = _errs6 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.request_id !== undefined){
let data4 = data.request_id;
const _errs10 = errors;
if((typeof data4 !== "string") && (data4 !== null)){
validate20.errors = [{instancePath:instancePath+"/request_id",schemaPath:"#/properties/request_id/type",keyword:"type",params:{type: schema31.properties.request_id.type},message:"must be string,null"}];
return false;
}
if(errors === _errs10){
if(typeof data4 === "string"){
if(data4.length > 256){
validate20.errors = [{instancePath:instancePath+"/request_id",schemaPath:"#/properties/request_id/maxLength",keyword:"maxLength",params:{limit: 256},message:"must NOT have more than 256 characters"}];
return false;
}
}
}
var valid0 = _errs10 === errors;
}
else {
var valid0 = true;
}
}
}
}
}
}
else {
validate20.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
validate20.errors = vErrors;
return errors === 0;
}
validate20.evaluated = {"props":true,"dynamicProps":false,"dynamicItems":false};

export const validateScoreBatchRequest = validate21;
const schema32 = {"$id":"validateScoreBatchRequest","type":"array","description":"Rows to score, answered in the same order. If one row is invalid, the whole batch is refused.","minItems":1,"maxItems":100000,"items":{"type":"object","description":"One row to score.","additionalProperties":false,"required":["features"],"properties":{"features":{"type":"array","description":"Raw feature values, one for each feature of the model. null is a missing value; true is 1, and false is 0. NaN, which is not JSON but which Python's json module writes, is read as null.","maxItems":100000,"items":{"type":["number","boolean","null"]}},"feature_names":{"type":["array","null"],"description":"The names of `features`, in the same order. Any order of the model's names is accepted. If absent, null or empty, the features are in the model's order.","maxItems":100000,"items":{"type":"string","maxLength":256}},"request_id":{"type":["string","null"],"description":"The client's identifier of the row, repeated in the answer. If absent or null, the server creates one. Its length counts UTF-16 code units, of which a character beyond the basic plane has two.","maxLength":256}}}};

function validate21(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
/*# sourceURL="validateScoreBatchRequest" */;
let vErrors = null;
let errors = 0;
const evaluated0 = validate21.evaluated;
if(evaluated0.dynamicProps){
evaluated0.props = undefined;
}
if(evaluated0.dynamicItems){
evaluated0.items = undefined;
}
if(errors === 0){
if(Array.isArray(data)){
if(data.length > 100000){
validate21.errors = [{instancePath,schemaPath:"#/maxItems",keyword:"maxItems",params:{limit: 100000},message:"must NOT have more than 100000 items"}];
return false;
}
else {
if(data.length < 1){
validate21.errors = [{instancePath,schemaPath:"#/minItems",keyword:"minItems",params:{limit: 1},message:"must NOT have fewer than 1 items"}];
return false;
}
else {
var valid0 = true;
const len0 = data.length;
for(let i0=0; i0<len0; i0++){
let data0 = data[i0];
const _errs1 = errors;
if(errors === _errs1){
if(data0 && typeof data0 == "object" && !Array.isArray(data0)){
let missing0;
if((data0.features === undefined) && (missing0 = "features")){
validate21.errors = [{instancePath:instancePath+"/" + i0,schemaPath:"#/items/required",keyword:"required",params:{missingProperty: missing0},message:"must have required property '"+missing0+"'"}];
return false;
}
else {
const _errs3 = errors;
for(const key0 in data0){
if(!(((key0 === "features") || (key0 === "feature_names")) || (key0 === "request_id"))){
validate21.errors = [{instancePath:instancePath+"/" + i0,schemaPath:"#/items/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs3 === errors){
if(data0.features !== undefined){
let data1 = data0.features;
const _errs4 = errors;
if(errors === _errs4){
if(Array.isArray(data1)){
if(data1.length > 100000){
validate21.errors = [{instancePath:instancePath+"/" + i0+"/features",schemaPath:"#/items/properties/features/maxItems",keyword:"maxItems",params:{limit: 100000},message:"must NOT have more than 100000 items"}];
return false;
}
else {
var valid2 = true;
const len1 = data1.length;
for(let i1=0; i1<len1; i1++){
let data2 = data1[i1];
const _errs6 = errors;
if(((!((typeof data2 == "number") && (isFinite(data2)))) && (typeof data2 !== "boolean")) && (data2 !== null)){
validate21.errors = [{instancePath:instancePath+"/" + i0+"/features/" + i1,schemaPath:"#/items/properties/features/items/type",keyword:"type",params:{type: schema32.items.properties.features.items.type},message:"must be number,boolean,null"}];
return false;
}
var valid2 = _errs6 === errors;
if(!valid2){
break;
}
}
}
}
else {
validate21.errors = [{instancePath:instancePath+"/" + i0+"/features",schemaPath:"#/items/properties/features/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid1 = _errs4 === errors;
}
else {
var valid1 = true;
}
if(valid1){
if(data0.feature_names !== undefined){
let data3 = data0.feature_names;
const _errs8 = errors;
if((!(Array.isArray(data3))) && (data3 !== null)){
validate21.errors = [{instancePath:instancePath+"/" + i0+"/feature_names",schemaPath:"#/items/properties/feature_names/type",keyword:"type",params:{type: schema32.items.properties.feature_names.type},message:"must be array,null"}];
return false;
}
if(errors === _errs8){
if(Array.isArray(data3)){
if(data3.length > 100000){
validate21.errors = [{instancePath:instancePath+"/" + i0+"/feature_names",schemaPath:"#/items/properties/feature_names/maxItems",keyword:"maxItems",params:{limit: 100000},message:"must NOT have more than 100000 items"}];
return false;
}
else {
var valid3 = true;
const len2 = data3.length;
for(let i2=0; i2<len2; i2++){
let data4 = data3[i2];
const _errs10 = errors;
if(errors === _errs10){
if(typeof data4 === "string"){
if(data4.length > 256){
validate21.errors = [{instancePath:instancePath+"/" + i0+"/feature_names/" + i2,schemaPath:"#/items/properties/feature_names/items/maxLength",keyword:"maxLength",params:{limit: 256},message:"must NOT have more than 256 characters"}];
return false;
}
}
else {
validate21.errors = [{instancePath:instancePath+"/" + i0+"/feature_names/" + i2,schemaPath:"#/items/properties/feature_names/items/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
}
var valid3 = _errs10 === errors;
if(!valid3){
break;
}
}
}
}
}
var valid1 = _errs8 === errors;
}
else {
var valid1 = true;
}
if(valid1){
if(data0.request_id !== undefined){
let data5 = data0.request_id;
const _errs12 = errors;
if((typeof data5 !== "string") && (data5 !== null)){
validate21.errors = [{instancePath:instancePath+"/" + i0+"/request_id",schemaPath:"#/items/properties/request_id/type",keyword:"type",params:{type: schema32.items.properties.request_id.type},message:"must be string,null"}];
return false;
}
if(errors === _errs12){
if(typeof data5 === "string"){
if(data5.length > 256){
validate21.errors = [{instancePath:instancePath+"/" + i0+"/request_id",schemaPath:"#/items/properties/request_id/maxLength",keyword:"maxLength",params:{limit: 256},message:"must NOT have more than 256 characters"}];
return false;
}
}
}
var valid1 = _errs12 === errors;
}
else {
var valid1 = true;
}
}
}
}
}
}
else {
validate21.errors = [{instancePath:instancePath+"/" + i0,schemaPath:"#/items/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid0 = _errs1 === errors;
if(!valid0){
break;
}
}
}
}
}
else {
validate21.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
validate21.errors = vErrors;
return errors === 0;
}
validate21.evaluated = {"items":true,"dynamicProps":false,"dynamicItems":false};

export const validateExperimentRequest = validate22;
const schema33 = {"$id":"validateExperimentRequest","type":"object","description":"The experiment to run.","additionalProperties":false,"required":["version","mode","share"],"properties":{"version":{"type":"string","pattern":"^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$","description":"The challenger's version: the name of its folder."},"mode":{"type":"string","enum":["ab","shadow"],"description":"ab: the challenger answers its share of the requests. shadow: the champion answers all requests, and the challenger scores its share of them as well."},"share":{"type":"number","minimum":0,"maximum":1,"description":"Share of the requests, 0 to 1."},"replaces":{"type":["string","null"],"pattern":"^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$","description":"The challenger that must be running now, or null if no experiment may be running; otherwise the answer is a 409. If absent, whatever is running is replaced."}}};
const pattern4 = new RegExp("^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$", "u");

function validate22(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
/*# sourceURL="validateExperimentRequest" */;
let vErrors = null;
let errors = 0;
const evaluated0 = validate22.evaluated;
if(evaluated0.dynamicProps){
evaluated0.props = undefined;
}
if(evaluated0.dynamicItems){
evaluated0.items = undefined;
}
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
let missing0;
if((((data.version === undefined) && (missing0 = "version")) || ((data.mode === undefined) && (missing0 = "mode"))) || ((data.share === undefined) && (missing0 = "share"))){
validate22.errors = [{instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: missing0},message:"must have required property '"+missing0+"'"}];
return false;
}
else {
const _errs1 = errors;
for(const key0 in data){
if(!((((key0 === "version") || (key0 === "mode")) || (key0 === "share")) || (key0 === "replaces"))){
validate22.errors = [{instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs1 === errors){
if(data.version !== undefined){
let data0 = data.version;
const _errs2 = errors;
if(errors === _errs2){
if(typeof data0 === "string"){
if(!pattern4.test(data0)){
validate22.errors = [{instancePath:instancePath+"/version",schemaPath:"#/properties/version/pattern",keyword:"pattern",params:{pattern: "^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$"},message:"must match pattern \""+"^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$"+"\""}];
return false;
}
}
else {
validate22.errors = [{instancePath:instancePath+"/version",schemaPath:"#/properties/version/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
}
var valid0 = _errs2 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.mode !== undefined){
let data1 = data.mode;
const _errs4 = errors;
if(typeof data1 !== "string"){
validate22.errors = [{instancePath:instancePath+"/mode",schemaPath:"#/properties/mode/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
if(!((data1 === "ab") || (data1 === "shadow"))){
validate22.errors = [{instancePath:instancePath+"/mode",schemaPath:"#/properties/mode/enum",keyword:"enum",params:{allowedValues: schema33.properties.mode.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid0 = _errs4 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.share !== undefined){
let data2 = data.share;
const _errs6 = errors;
if(errors === _errs6){
if((typeof data2 == "number") && (isFinite(data2))){
if(data2 > 1 || isNaN(data2)){
validate22.errors = [{instancePath:instancePath+"/share",schemaPath:"#/properties/share/maximum",keyword:"maximum",params:{comparison: "<=", limit: 1},message:"must be <= 1"}];
return false;
}
else {
if(data2 < 0 || isNaN(data2)){
validate22.errors = [{instancePath:instancePath+"/share",schemaPath:"#/properties/share/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
else {
validate22.errors = [{instancePath:instancePath+"/share",schemaPath:"#/properties/share/type",keyword:"type",params:{type: "number"},message:"must be number"}];
return false;
}
}
var valid0 = _errs6 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.replaces !== undefined){
let data3 = data.replaces;
const _errs8 = errors;
if((typeof data3 !== "string") && (data3 !== null)){
validate22.errors = [{instancePath:instancePath+"/replaces",schemaPath:"#/properties/replaces/type",keyword:"type",params:{type: schema33.properties.replaces.type},message:"must be string,null"}];
return false;
}
if(errors === _errs8){
if(typeof data3 === "string"){
if(!pattern4.test(data3)){
validate22.errors = [{instancePath:instancePath+"/replaces",schemaPath:"#/properties/replaces/pattern",keyword:"pattern",params:{pattern: "^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$"},message:"must match pattern \""+"^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$"+"\""}];
return false;
}
}
}
var valid0 = _errs8 === errors;
}
else {
var valid0 = true;
}
}
}
}
}
}
}
else {
validate22.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
validate22.errors = vErrors;
return errors === 0;
}
validate22.evaluated = {"props":true,"dynamicProps":false,"dynamicItems":false};
