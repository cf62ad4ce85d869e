/**
 * Names of the DOM that the types of playwright-core mention. Only their names: with the real DOM library browser types
 * would be in reach of all code here, none of which runs in a browser.
 */
declare type HTMLElement = object
declare type SVGElement = object
declare type HTMLElementTagNameMap = Readonly<Record<string, HTMLElement>>
declare type Node = object
